package main_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// inventory is everything of the kinds a run makes that exists on this host, by anyone: network
// namespaces, links and qdiscs of the host's own namespace, cgroups, containers and node processes.
func inventory(t *testing.T) []string {
	t.Helper()
	var all []string
	entries, err := os.ReadDir("/var/run/netns")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, "netns "+e.Name())
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		all = append(all, "link "+l.Attrs().Name)
	}
	qdiscs, err := netlink.QdiscList(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range qdiscs {
		all = append(all, "qdisc "+q.Type()+" "+q.Attrs().String())
	}
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // groups of other programs come and go while this walks
		}
		if strings.Contains(path, "splitbed") || strings.Contains(path, "cnn") {
			all = append(all, "cgroup "+path)
		}
		return nil
	})
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range commands {
		line, _ := os.ReadFile(path)
		if args := bytes.Split(line, []byte{0}); len(args) > 1 && slices.Contains([]string{"node", "delayline"}, string(args[1])) && strings.HasSuffix(string(args[0]), "splitbed") {
			all = append(all, "process "+path)
		}
	}
	return append(all, containers(t)...)
}

// containers lists the containers of this host; none where no Docker daemon runs.
func containers(t *testing.T) []string {
	t.Helper()
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	list, err := docker.ContainerList(context.Background(), container.ListOptions{All: true})
	if err != nil {
		return nil
	}
	var all []string
	for _, c := range list {
		all = append(all, "container "+strings.Join(c.Names, ","))
	}
	return all
}

// nothingLeft fails the test when the inventory is not what it was before.
func nothingLeft(t *testing.T, before []string) {
	t.Helper()
	if diff := cmp.Diff(before, inventory(t)); diff != "" {
		t.Errorf("the host is not as it was before (-before +after):\n%s", diff)
	}
}

// result is how a splitbed command ended.
type result struct {
	code           int
	stdout, stderr string
}

// command prepares the splitbed command with a state directory of the test's own.
func command(t *testing.T, state string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "SPLITBED_STATE="+state)
	return cmd
}

// splitbed runs the command to its end.
func splitbed(t *testing.T, args ...string) result {
	t.Helper()
	cmd := command(t, filepath.Join(t.TempDir(), "state"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
