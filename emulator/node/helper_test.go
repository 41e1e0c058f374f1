package node

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/splitbed/splitbed/emulator/object"
	"golang.org/x/sys/unix"
)

// The test binary is also the program that nodes run, and the harness that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "serve":
			os.Exit(serve(os.Args[2]))
		case "die":
			fmt.Fprintln(os.Stderr, "starting\n"+os.Args[2])
			os.Exit(7)
		case "linger":
			unix.Pause()
			os.Exit(0)
		case "harness":
			os.Exit(harness(os.Args[2], os.Args[3], os.Args[4]))
		}
	}
	os.Exit(m.Run())
}

// serve is a node: it obeys one command a line on its control connection and ends with it.
func serve(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	runtime.GOMAXPROCS(8)
	burn := make(chan time.Duration)
	burnt := make(chan string)
	go func() { // the compute worker: one locked thread
		runtime.LockOSThread()
		burnt <- strconv.Itoa(unix.Gettid())
		for d := range burn {
			t0 := time.Now()
			spin(d)
			burnt <- strconv.FormatInt(time.Since(t0).Nanoseconds(), 10)
		}
	}()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		command, arg, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.Atoi(arg)
		var answer string
		switch command {
		case "worker":
			answer = <-burnt
		case "burn":
			burn <- time.Duration(n)
			answer = <-burnt
		case "spin":
			tids := make(chan string)
			for range n {
				go func() {
					runtime.LockOSThread()
					tids <- strconv.Itoa(unix.Gettid())
					spin(time.Hour)
				}()
			}
			for range n {
				answer += <-tids + " "
			}
		case "fifo":
			answer = fifo()
		case "epoll":
			answer = epoll()
		case "tid": // of a thread that is not the process's first
			tid := make(chan string)
			go func() {
				runtime.LockOSThread()
				tid <- strconv.Itoa(unix.Gettid())
				unix.Pause()
			}()
			answer = <-tid
		case "links":
			ifs, err := net.Interfaces()
			answer = fmt.Sprint(len(ifs), err)
		}
		fmt.Fprintln(conn, answer)
	}
	return 0
}

// spin uses that much CPU time of the calling thread.
func spin(d time.Duration) {
	for end := threadTime() + d; threadTime() < end; {
	}
}

func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

func fifo() string {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return err.Error()
	}
	return "ok"
}

// epoll waits with a timeout in nanoseconds, a system call that older seccomp profiles do not know.
func epoll() string {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err.Error()
	}
	defer unix.Close(fd)
	var event unix.EpollEvent
	timeout := unix.Timespec{Nsec: 1000}
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&event)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0)
	if errno != 0 {
		return errno.Error()
	}
	return "ok"
}

// harness starts two nodes that would live for ever, keeps its journal in a file, and waits to be killed.
func harness(kind, dir, run string) int {
	ctx := context.Background()
	rt, err := newRuntime(ctx, kind, &fileJournal{path: dir + "/journal"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, name := range []string{"a", "b"} {
		s, err := testSpec(dir, run, name, "linger", "-")
		if err == nil {
			_, err = rt.Start(ctx, s)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println("ready")
	unix.Pause()
	return 0
}

func newRuntime(ctx context.Context, kind string, j object.Journal) (Runtime, error) {
	if kind == "native" {
		return Native(j)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return Docker(ctx, j, ImageSpec{Binary: self})
}

func testSpec(dir, run, name string, args ...string) (Spec, error) {
	self, err := os.Executable()
	return Spec{Run: run, Name: name, Binary: self, Args: args, Dir: dir, Log: dir + "/" + name + ".log"}, err
}

// fileJournal appends objects to a file, one JSON value a line.
type fileJournal struct {
	mu   sync.Mutex
	path string
}

func (j *fileJournal) Add(o object.Object) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewEncoder(f).Encode(o)
}

// objects reads the journal back, last object first: the order in which they are removed.
func (j *fileJournal) objects(t testing.TB) []object.Object {
	t.Helper()
	b, err := os.ReadFile(j.path)
	if err != nil {
		t.Fatal(err)
	}
	var all []object.Object
	for line := range strings.Lines(string(b)) {
		var o object.Object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		all = append([]object.Object{o}, all...)
	}
	return all
}

// onThrowawayThread runs f on a thread of its own, which may so change its namespace.
func onThrowawayThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}
