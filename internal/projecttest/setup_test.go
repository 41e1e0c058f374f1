package projecttest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/splitbed/splitbed/internal/testutil"
)

// inSetup runs a line of bash after the set-up script was sourced, which defines its functions and
// does nothing else. Extra environment comes as KEY=value.
func inSetup(t *testing.T, line string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	return inSetupOf(t, filepath.Join(testutil.ModuleRoot(t), ".ci", "setup"), line, env...)
}

func inSetupOf(t *testing.T, script, line string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command("bash", "-c", `source "$1"; `+line, "setup-test", script)
	cmd.Env = append(os.Environ(), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String()), errs.String(), cmd.ProcessState.ExitCode()
}

// program writes an executable shell script and returns its directory.
func program(t *testing.T, name, body string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSetupComparesVersionsByNumber(t *testing.T) {
	for _, c := range []struct {
		version, minimum string
		want             int
	}{
		{"1.26.8", "1.26", 0},
		{"1.26", "1.26", 0},
		{"1.30.0", "1.24", 0},
		{"1.9", "1.24", 1},
		{"1.21", "1.24", 1},
		{"2.0", "1.24", 0},
		{"0", "1.26", 1},
	} {
		if _, _, got := inSetup(t, "at_least "+c.version+" "+c.minimum); got != c.want {
			t.Errorf("at_least %s %s exits %d, want %d", c.version, c.minimum, got, c.want)
		}
	}
}

func TestSetupRefusesAnOldGoAndSaysWhatToDo(t *testing.T) {
	dir := program(t, "go", `echo "go version go1.19.8 linux/amd64"`)
	_, stderr, code := inSetup(t, "check_go", "GO="+filepath.Join(dir, "go"))
	if code != 1 || !strings.Contains(stderr, "1.19.8") || !strings.Contains(stderr, "/usr/local/go") {
		t.Errorf("exit %d, message %q; want exit 1, the version found and where to unpack a newer one", code, stderr)
	}
	dir = program(t, "go", `echo "go version go1.26.1 linux/amd64"`)
	if _, stderr, code := inSetup(t, "check_go", "GO="+filepath.Join(dir, "go")); code != 0 {
		t.Errorf("Go 1.26.1 was refused: exit %d, %s", code, stderr)
	}
}

func TestSetupTakesASystemLibraryOnlyIfNewEnough(t *testing.T) {
	for _, c := range []struct {
		release string
		ok      bool
	}{{"1.21.0", false}, {"1.24.1", true}, {"1.30.0", true}} {
		lib := t.TempDir()
		file := filepath.Join(lib, "libonnxruntime.so."+c.release)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(lib, "libonnxruntime.so.1")
		if err := os.Symlink(file, name); err != nil {
			t.Fatal(err)
		}
		dir := program(t, "ldconfig", `echo "	libonnxruntime.so.1 (libc6,x86-64) => `+name+`"`)
		stdout, _, code := inSetup(t, "system_engine", "PATH="+dir+":"+os.Getenv("PATH"))
		if got := code == 0 && stdout == name; got != c.ok {
			t.Errorf("release %s: exit %d, path %q; want it taken: %v", c.release, code, stdout, c.ok)
		}
	}
}

func TestSetupVerifiesWhatItFetches(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	content := []byte("the package")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	good := hex.EncodeToString(sum[:])
	if _, stderr, code := inSetup(t, "check_sha256 "+file+" "+good); code != 0 {
		t.Errorf("the right file was refused: exit %d, %s", code, stderr)
	}
	bad := strings.Repeat("0", 64)
	if _, stderr, code := inSetup(t, "check_sha256 "+file+" "+bad); code == 0 || !strings.Contains(stderr, good) {
		t.Errorf("a wrong file: exit %d, message %q; want a failure that names the sum found", code, stderr)
	}
}

// A package that is not the pinned one must leave neither a library nor a cached file.
func TestSetupInstallsNothingFromAnotherPackage(t *testing.T) {
	root := t.TempDir()
	script, err := os.ReadFile(filepath.Join(testutil.ModuleRoot(t), ".ci", "setup"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, ".ci"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, ".ci", "setup")
	if err := os.WriteFile(path, script, 0o700); err != nil {
		t.Fatal(err)
	}
	npm := program(t, "npm", `echo something else > onnxruntime-node-1.30.0.tgz`)
	cache := filepath.Join(root, "cache")
	_, stderr, code := inSetupOf(t, path, "system_engine() { return 1; }; system_engine_package() { return 1; }; install_engine",
		"PATH="+npm+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+cache)
	if code != 1 || !strings.Contains(stderr, "not the one splitbed pins") {
		t.Errorf("exit %d, message %q; want exit 1 and a refusal", code, stderr)
	}
	for _, dir := range []string{filepath.Join(root, "lib"), filepath.Join(cache, "splitbed")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 0 {
			t.Errorf("%s holds %v, want nothing", dir, entries)
		}
	}
}

// secondDaemon is the environment under which the set-up starts a daemon beside the machine's own, with
// nothing in common: socket, storage, state, no bridge and no firewall rules.
func secondDaemon(dir string, more ...string) []string {
	flags := append([]string{
		"--host=unix://" + filepath.Join(dir, "sock"),
		"--data-root=" + filepath.Join(dir, "data"),
		"--exec-root=" + filepath.Join(dir, "exec"),
		"--pidfile=" + filepath.Join(dir, "pid"),
		"--bridge=none", "--iptables=false", "--ip6tables=false",
	}, more...)
	return []string{
		"SPLITBED_DOCKER_SOCKET=" + filepath.Join(dir, "sock"),
		"SPLITBED_DOCKERD_LOG=" + filepath.Join(dir, "log"),
		"SPLITBED_DOCKERD_FLAGS=" + strings.Join(flags, " "),
	}
}

// stopDaemon ends the daemon whose process id is in the file and waits until it is gone.
func stopDaemon(t *testing.T, pidfile string) {
	t.Helper()
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return // it never came up
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Errorf("%s: %v", pidfile, err)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Errorf("stop dockerd %d: %v", pid, err)
	}
	// dockerd removes its pid file as the last thing it does.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(pidfile); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("dockerd %d still runs 30 s after SIGTERM", pid)
			return
		}
	}
}

func TestSetupStartsADockerDaemonWhereNoneAnswers(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsCommand(t, "dockerd")
	dir, err := os.MkdirTemp("", "sb-dockerd-") // short: a socket's path has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopDaemon(t, filepath.Join(dir, "pid"))
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	env := secondDaemon(dir)
	// inSetup waits for the end of standard output and error: it returns only if the daemon holds neither.
	if _, stderr, code := inSetup(t, "start_docker && docker_answers", env...); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	first, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := inSetup(t, "start_docker", env...); code != 0 || stderr != "" {
		t.Errorf("with a daemon running: exit %d, %q; want it left alone in silence", code, stderr)
	}
	if second, err := os.ReadFile(filepath.Join(dir, "pid")); err != nil || string(second) != string(first) {
		t.Errorf("pid file: %q, %v; want %q as before", second, err, first)
	}
}

func TestSetupShowsWhyADaemonDidNotStart(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsCommand(t, "dockerd")
	dir := t.TempDir()
	_, stderr, code := inSetup(t, "start_docker", secondDaemon(dir, "--no-such-flag")...)
	if code != 1 || !strings.Contains(stderr, "no-such-flag") {
		t.Errorf("exit %d, message %q; want exit 1 and the daemon's own words", code, stderr)
	}
}
