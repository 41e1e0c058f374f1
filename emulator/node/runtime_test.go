package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/emulator/shape"
	"github.com/splitbed/splitbed/internal/clock"
	"github.com/splitbed/splitbed/internal/testutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// bothRuntimes runs a test with each runtime.
func bothRuntimes(t *testing.T, test func(t *testing.T, kind string)) {
	t.Run("native", func(t *testing.T) {
		testutil.NeedsRoot(t)
		test(t, "native")
	})
	t.Run("docker", func(t *testing.T) {
		testutil.NeedsDocker(t)
		test(t, "docker")
	})
}

// fixture is a runtime with its journal, in a run of its own.
type fixture struct {
	kind, dir, run string
	journal        *fileJournal
	rt             Runtime
}

func newFixture(t testing.TB, kind string) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{kind: kind, dir: dir, run: runName(), journal: &fileJournal{path: filepath.Join(dir, "journal")}}
	var err error
	if f.rt, err = newRuntime(t.Context(), kind, f.journal); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.rt.Close() })
	return f
}

func runName() string { return fmt.Sprintf("test-%d-%d", os.Getpid(), clock.Now()) }

func (f *fixture) spec(t testing.TB, name string, args ...string) Spec {
	t.Helper()
	s, err := testSpec(f.dir, f.run, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// controlled is a node that runs serve, with the connection to it.
type controlled struct {
	Node
	conn    net.Conn
	answers *bufio.Reader
}

func (f *fixture) serve(t testing.TB, name string) *controlled {
	t.Helper()
	socket := filepath.Join(f.dir, name+".sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n, err := f.rt.Start(t.Context(), f.spec(t, name, "serve", socket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	accepted := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			accepted <- c
		}
	}()
	select {
	case conn := <-accepted:
		t.Cleanup(func() { conn.Close() })
		return &controlled{n, conn, bufio.NewReader(conn)}
	case <-n.Exited():
		t.Fatal(n.Err())
	}
	return nil
}

func stop(t testing.TB, n Node) {
	t.Helper()
	ctx, cancel := cleanup(context.Background())
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (c *controlled) ask(t testing.TB, command string) string {
	t.Helper()
	fmt.Fprintln(c.conn, command)
	answer, err := c.answers.ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v; node: %v", command, err, c.Err())
	}
	return strings.TrimSpace(answer)
}

func (c *controlled) askInts(t testing.TB, command string) []int {
	t.Helper()
	var ints []int
	for _, field := range strings.Fields(c.ask(t, command)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ints = append(ints, n)
	}
	return ints
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// used is what the confined threads use over a window of wall time, and how long that really was.
func used(t testing.TB, n Node, window time.Duration) (Usage, time.Duration) {
	t.Helper()
	u0, err := n.Usage()
	check(t, err)
	t0 := clock.Now()
	clock.SleepUntil(t0 + window.Nanoseconds())
	u1, err := n.Usage()
	check(t, err)
	return Usage{
		CPU:           u1.CPU - u0.CPU,
		Periods:       u1.Periods - u0.Periods,
		Throttled:     u1.Throttled - u0.Throttled,
		ThrottledTime: u1.ThrottledTime - u0.ThrottledTime,
	}, clock.Since(t0)
}

func TestQuotaIsGrantedToTheThreadsTogether(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		check(t, n.Confine(n.askInts(t, "spin 2")))
		const period = 20 * time.Millisecond
		for _, share := range []float64{0.25, 0.5, 1.5, 0.25} { // up and down, while the threads run
			quota := time.Duration(share * float64(period))
			check(t, n.SetCPU(CPU{}))
			free, wall := used(t, n, 10*period)
			want := min(share, float64(free.CPU)/float64(wall)) // a busy host may have less to give
			check(t, n.SetCPU(CPU{Quota: quota, Period: period}))
			best := 0.0
			for range 10 {
				got, wall := used(t, n, 25*period)
				granted := float64(got.CPU) / float64(wall)
				if granted > 1.08*share {
					t.Fatalf("quota %v of %v: used %v in %v", quota, period, got.CPU, wall)
				}
				if got.Throttled > got.Periods {
					t.Errorf("impossible account: %+v", got)
				}
				// A period that ends throttled has had its quota, however busy the host is.
				if full := time.Duration(got.Throttled) * quota; float64(got.CPU) < 0.92*float64(full) {
					t.Fatalf("quota %v of %v: %d periods ran out of it after %v in all, want %v", quota, period, got.Throttled, got.CPU, full)
				}
				if best = max(best, granted); best > 0.93*want {
					break
				}
			}
			if best < 0.9*want {
				t.Errorf("quota %v of %v: granted %.3f cores, the host had %.3f", quota, period, best, want)
			}
		}
		u, err := n.Usage()
		check(t, err)
		if u.Throttled == 0 || u.ThrottledTime <= 0 {
			t.Errorf("threads that spin under quotas were never throttled: %+v", u)
		}
	})
}

// TestQuotasOfAllSizesAreGranted measures what plans choose quotas for, for so long that it does not matter in which of the kernel's
// ticks a thread is held back. That takes half a minute on a host; in the guest, waiting takes no time. Its one processor has
// other things to do, too, so that a whole core is not to be had.
func TestQuotasOfAllSizesAreGranted(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsVirtualTime(t)
	const least = 500 * time.Millisecond // of CPU time, 125 ticks
	n := newFixture(t, "native").serve(t, "edge")
	check(t, n.Confine(n.askInts(t, "spin 2")))
	for _, share := range []float64{0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.9} {
		planned, err := shape.NewCPU(share)
		check(t, err)
		check(t, n.SetCPU(CPU(planned)))
		got, wall := used(t, n, max(20*planned.Period, time.Duration(float64(least)/share)))
		off := float64(got.CPU)/float64(wall)/share - 1
		t.Logf("a quota of %g cores, %v in %v: granted %+.2f %%", share, planned.Quota, planned.Period, 100*off)
		if bound := testutil.Tolerances().Quota; math.Abs(off) > bound {
			t.Errorf("a quota of %g cores: granted %+.2f %%, allowed are %.2g %%", share, 100*off, 100*bound)
		}
	}
}

func TestUnconfinedThreadsAreNotThrottled(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		tids := n.askInts(t, "spin 2")
		check(t, n.Confine(tids[:1]))
		check(t, n.SetCPU(CPU{Quota: 2 * time.Millisecond, Period: 20 * time.Millisecond}))
		host, err := hostThreads(n.PID(), tids)
		check(t, err)

		before := []time.Duration{threadCPU(t, n.PID(), host[0]), threadCPU(t, n.PID(), host[1])}
		group, _ := used(t, n, 600*time.Millisecond)
		confined := threadCPU(t, n.PID(), host[0]) - before[0]
		free := threadCPU(t, n.PID(), host[1]) - before[1]
		if free < 3*confined {
			t.Errorf("the thread without a quota used %v, the one with a tenth of a core %v", free, confined)
		}
		if math.Abs(float64(group.CPU)/float64(confined)-1) > 0.15 {
			t.Errorf("the account has %v, the only thread in it used %v", group.CPU, confined)
		}
	})
}

// threadCPU is the CPU time of a thread: the first field of /proc/<pid>/task/<tid>/schedstat.
func threadCPU(t testing.TB, pid, tid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, tid))
	check(t, err)
	var ns int64
	_, err = fmt.Sscan(string(b), &ns)
	check(t, err)
	return time.Duration(ns)
}

func TestHalfTheQuotaTakesTwiceTheTime(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		check(t, n.Confine(n.askInts(t, "worker")))
		const period = 20 * time.Millisecond
		const work = 60 * time.Millisecond // ten slices of the larger quota
		full, half, none := CPU{6 * time.Millisecond, period}, CPU{3 * time.Millisecond, period}, CPU{}
		best := map[CPU]time.Duration{} // other work on the host can only make it longer
		for range 5 {
			for _, c := range []CPU{full, half, none} {
				check(t, n.SetCPU(c))
				wall := time.Duration(n.askInts(t, fmt.Sprintf("burn %d", work))[0])
				if best[c] == 0 || wall < best[c] {
					best[c] = wall
				}
			}
		}
		if ratio := float64(best[half]) / float64(best[full]); math.Abs(ratio/2-1) > 0.15 {
			t.Errorf("half the quota takes %.2f times as long (%v and %v)", ratio, best[half], best[full])
		}
		if best[none] >= best[full] {
			t.Errorf("without a quota the work takes %v, with a third of a core %v", best[none], best[full])
		}
	})
}

func TestTimingThreadMayRunInRealTime(t *testing.T) {
	testutil.NeedsRoot(t)
	if got := fifoHere(); got != "ok" {
		t.Skipf("this process may not use SCHED_FIFO itself: %s", got)
	}
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		for _, call := range []string{"fifo", "epoll"} {
			if got := n.ask(t, call); got != "ok" {
				t.Errorf("%s: %s", call, got)
			}
		}
	})
}

// fifoHere tries SCHED_FIFO on a thread of the test that is thrown away.
func fifoHere() string {
	var result string
	_ = onThrowawayThread(func() error { result = fifo(); return nil })
	return result
}

func TestNodeStartsInAnEmptyNamespace(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		if got := n.ask(t, "links"); got != "1 <nil>" {
			t.Errorf("network interfaces: %s, want loopback alone", got)
		}
		inode := func(path string) uint64 {
			var st unix.Stat_t
			check(t, unix.Stat(path, &st))
			return st.Ino
		}
		if named, own := inode(n.NetNS()), inode(fmt.Sprintf("/proc/%d/ns/net", n.PID())); named != own {
			t.Errorf("%s is namespace %d, the process is in %d", n.NetNS(), named, own)
		}
		if own, host := inode(n.NetNS()), inode("/proc/self/ns/net"); own == host {
			t.Errorf("the node is in the host's namespace %d", host)
		}
	})
}

func TestConfineRefusesForeignThreads(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		if err := n.Confine([]int{1 << 30}); err == nil {
			t.Error("a thread that does not exist was confined")
		}
		if kind == "native" {
			if err := n.Confine([]int{os.Getpid()}); err == nil {
				t.Error("a thread of the harness was confined")
			}
		}
	})
}

func TestStopLeavesNothing(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		f := newFixture(t, kind)
		n := f.serve(t, "edge")
		tids := n.askInts(t, "spin 1")
		check(t, n.Confine(tids))
		check(t, n.SetCPU(CPU{Quota: time.Millisecond, Period: 100 * time.Millisecond}))
		if left := leftovers(t, f); len(left) == 0 {
			t.Fatal("a running node was not found, so this test could not find what is left of it")
		}
		stop(t, n)
		stop(t, n)
		if left := leftovers(t, f); len(left) > 0 {
			t.Errorf("left after Stop: %v", left)
		}
		if err := n.Err(); err != nil {
			t.Errorf("a stopped node reports %v", err)
		}
		for _, o := range f.journal.objects(t) {
			check(t, remove(t, o))
		}
	})
}

// leftovers lists what exists of the journalled objects, and of the run's directories.
func leftovers(t testing.TB, f *fixture) []string {
	t.Helper()
	var left []string
	var paths []string
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} { // v2, v1
		match, err := filepath.Glob(filepath.Join(mount, top, f.run))
		check(t, err)
		paths = append(paths, match...)
	}
	for _, o := range f.journal.objects(t) {
		switch o.Kind {
		case object.NetNS:
			paths = append(paths, netns.Path(o.Name))
		case object.Cgroup:
			paths = append(paths, o.Name)
		case object.Process:
			pids, err := marked(o.Name)
			check(t, err)
			if len(pids) > 0 {
				left = append(left, fmt.Sprint("processes ", pids))
			}
		case object.Container:
			docker, err := connect(t.Context())
			check(t, err)
			_, err = docker.ContainerInspect(t.Context(), o.Name)
			docker.Close()
			if err == nil {
				left = append(left, "container "+o.Name)
			} else if !cerrdefs.IsNotFound(err) {
				t.Fatal(err)
			}
		}
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			left = append(left, path)
		}
	}
	return left
}

// remove is what a clean-up does; the link package removes namespaces.
func remove(t testing.TB, o object.Object) error {
	ctx, cancel := cleanup(t.Context())
	defer cancel()
	if o.Kind == object.NetNS {
		return netns.Remove(o.Name)
	}
	return Remove(ctx, o)
}

func TestRemoveAfterTheHarnessWasKilled(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		f := newFixture(t, kind)
		bystander := newFixture(t, kind)
		other := bystander.serve(t, "edge")

		self, err := os.Executable()
		check(t, err)
		cmd := exec.Command(self, "harness", kind, f.dir, f.run)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		ready, err := bufio.NewReader(stdout).ReadString('\n')
		check(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		if err != nil {
			t.Fatalf("harness said %q: %v: %s", ready, err, stderr.String())
		}
		if left := leftovers(t, f); len(left) < 4 {
			t.Errorf("of a killed harness with two nodes only %v was found", left)
		}
		for range 2 {
			for _, o := range f.journal.objects(t) {
				if err := remove(t, o); err != nil {
					t.Error(err)
				}
			}
		}
		if left := leftovers(t, f); len(left) > 0 {
			t.Errorf("left after Remove: %v", left)
		}
		if got := other.ask(t, "links"); got != "1 <nil>" {
			t.Errorf("the node of another run answers %q", got)
		}
	})
}

func TestObjectsOfOthersStay(t *testing.T) {
	testutil.NeedsRoot(t)
	f := newFixture(t, "native")
	h := f.rt.(*nativeRuntime).h
	point := h.mounts[0].point

	neighbour := objectName(f.run, "edge2")
	check(t, netns.Make(neighbour))
	t.Cleanup(func() { check(t, netns.Remove(neighbour)) })
	group := filepath.Join(point, top+"-"+f.run, f.run, "edge")
	check(t, os.MkdirAll(group, 0o755))
	t.Cleanup(func() { prune(group, point) })

	n := f.serve(t, "edge")
	if err := remove(t, object.Object{Kind: object.Cgroup, Name: group}); !errors.Is(err, ErrNotOurs) {
		t.Errorf("Remove of a foreign cgroup: %v, want ErrNotOurs", err)
	}
	check(t, remove(t, object.Object{Kind: object.Process, Name: objectName(f.run, "edg")}))
	if n.ask(t, "links"); n.Err() != nil {
		t.Error(n.Err())
	}
	stop(t, n)
	for _, path := range []string{netns.Path(neighbour), group} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("gone: %v", err)
		}
	}
}

func TestContainersOfOthersStay(t *testing.T) {
	testutil.NeedsDocker(t)
	f := newFixture(t, "docker")
	docker, err := connect(t.Context())
	check(t, err)
	defer docker.Close()
	name := objectName(f.run, "edge")
	config := &container.Config{Image: f.rt.(*dockerRuntime).ref, Entrypoint: []string{imageBinary, "linger", "-"}}
	created, err := docker.ContainerCreate(t.Context(), config, nil, nil, nil, name)
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := cleanup(context.Background())
		defer cancel()
		check(t, removeContainer(ctx, docker, created.ID))
	})
	if _, err := f.rt.Start(t.Context(), f.spec(t, "edge", "linger", "-")); err == nil {
		t.Error("a node was started under the name of a container that exists")
	}
	if err := remove(t, object.Object{Kind: object.Container, Name: name}); !errors.Is(err, ErrNotOurs) {
		t.Errorf("Remove of a container without our labels: %v, want ErrNotOurs", err)
	}
	if _, err := docker.ContainerInspect(t.Context(), name); err != nil {
		t.Errorf("a container of someone else's: %v", err)
	}
}

func TestProcessThatDiesAtOnceIsQuoted(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		f := newFixture(t, kind)
		const last = "cannot open the network"
		n, err := f.rt.Start(t.Context(), f.spec(t, "edge", "die", last))
		if err == nil {
			<-n.Exited()
			err = n.Err()
			defer stop(t, n)
		}
		var exit *ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("error %v, want an ExitError", err)
		}
		if exit.Code != 7 || !strings.Contains(err.Error(), last) {
			t.Errorf("code %d, %q; want 7 and the last line of the log", exit.Code, err)
		}
	})
}

func TestExitOfARunningNodeIsSeen(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		n := newFixture(t, kind).serve(t, "edge")
		if err := n.Err(); err != nil {
			t.Fatalf("a running node reports %v", err)
		}
		check(t, unix.Kill(n.PID(), unix.SIGKILL))
		<-n.Exited()
		var exit *ExitError
		if err := n.Err(); !errors.As(err, &exit) || exit.Code != 137 {
			t.Errorf("error %v, want an ExitError with code 137", err)
		}
	})
}

func TestStartUndoesWhatItMade(t *testing.T) {
	testutil.NeedsRoot(t)
	f := newFixture(t, "native")
	s := f.spec(t, "edge", "linger", "-")
	s.Binary = filepath.Join(f.dir, "missing")
	if n, err := f.rt.Start(t.Context(), s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("start of a missing binary: %v, %v", n, err)
	}
	if left := leftovers(t, f); len(left) > 0 {
		t.Errorf("left after a failed Start: %v", left)
	}
}

func TestSecondNodeOfANameIsRefused(t *testing.T) {
	bothRuntimes(t, func(t *testing.T, kind string) {
		f := newFixture(t, kind)
		n := f.serve(t, "edge")
		if _, err := f.rt.Start(t.Context(), f.spec(t, "edge", "linger", "-")); err == nil {
			t.Error("two nodes have one name")
		}
		if got := n.ask(t, "links"); got != "1 <nil>" {
			t.Errorf("the first node answers %q", got)
		}
	})
}

// The v2 hierarchy of a hybrid host has no cpu controller, but its groups and threads behave alike.
func TestThreadsMoveIntoAThreadedGroupOnV2(t *testing.T) {
	testutil.NeedsRoot(t)
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	check(t, err)
	h := hierarchy{version: 2}
	for line := range strings.Lines(string(mountinfo)) {
		if fields := strings.Fields(line); strings.Contains(line, " - cgroup2 ") {
			h.mounts = []mount{{point: fields[4], root: fields[3]}}
		}
	}
	if h.mounts == nil {
		t.Skip("no cgroup v2 hierarchy is mounted")
	}
	f := newFixture(t, "native")
	f.rt = &nativeRuntime{journal: f.journal, h: h}
	n := f.serve(t, "edge")
	tid := n.askInts(t, "tid")
	check(t, n.Confine(tid))

	node := "/" + top + "/" + f.run + "/edge"
	for thread, want := range map[int]string{n.PID(): node, tid[0]: node + "/" + leaf} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/cgroup", n.PID(), thread))
		check(t, err)
		if !strings.Contains(string(b), "0::"+want+"\n") {
			t.Errorf("thread %d is in %q, want %s", thread, b, want)
		}
	}
	u0, err := n.Usage()
	check(t, err)
	check(t, n.Confine(n.askInts(t, "worker")))
	n.ask(t, fmt.Sprintf("burn %d", 20*time.Millisecond))
	u1, err := n.Usage()
	check(t, err)
	if used := u1.CPU - u0.CPU; used < 18*time.Millisecond || used > 40*time.Millisecond {
		t.Errorf("20 ms of work in the group, accounted %v", used)
	}
	stop(t, n)
	if left := leftovers(t, f); len(left) > 0 {
		t.Errorf("left after Stop: %v", left)
	}
}

// BenchmarkBuildAndRemove reports how long it takes to start and to stop so many nodes, eight at a time.
func BenchmarkBuildAndRemove(b *testing.B) {
	testutil.NeedsRoot(b)
	for _, bench := range []struct {
		kind  string
		nodes int
	}{{"native", 20}, {"native", 50}, {"native", 90}, {"docker", 20}} {
		b.Run(fmt.Sprintf("%s-%d", bench.kind, bench.nodes), func(b *testing.B) {
			if bench.kind == "docker" {
				testutil.NeedsDocker(b)
			}
			f := newFixture(b, bench.kind)
			var build, removal time.Duration
			for i := range b.N {
				var starts, stops errgroup.Group
				starts.SetLimit(8)
				stops.SetLimit(8)
				made := make([]Node, bench.nodes)
				t0 := clock.Now()
				for j := range made {
					s := f.spec(b, fmt.Sprintf("edge-%d-%d", i, j), "linger", "-")
					if bench.kind == "native" { // a process that costs nothing; an image holds one program
						s.Binary, s.Args = "/bin/sleep", []string{"infinity"}
					}
					starts.Go(func() (err error) {
						made[j], err = f.rt.Start(b.Context(), s)
						return err
					})
				}
				check(b, starts.Wait())
				build += clock.Since(t0)
				t0 = clock.Now()
				for _, n := range made {
					stops.Go(func() error { return n.Stop(context.WithoutCancel(b.Context())) })
				}
				check(b, stops.Wait())
				removal += clock.Since(t0)
			}
			b.ReportMetric(build.Seconds()/float64(b.N), "s/build")
			b.ReportMetric(removal.Seconds()/float64(b.N), "s/removal")
		})
	}
}
