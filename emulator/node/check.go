package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/splitbed/splitbed/emulator/object"
)

// Exists tells whether there is still something for [Remove] to remove.
func Exists(ctx context.Context, o object.Object) (bool, error) {
	switch o.Kind {
	case object.Cgroup:
		return pathExists(o.Name)
	case object.Process:
		pids, err := marked(o.Name)
		return len(pids) > 0, err
	case object.Container:
		docker, err := connect(ctx)
		if err != nil {
			return false, fmt.Errorf("look for container %s: %w", o.Name, err)
		}
		defer docker.Close()
		_, err = docker.ContainerInspect(ctx, o.Name)
		if cerrdefs.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	default:
		return false, fmt.Errorf("look for %s %s: no such kind of object", o.Kind, o.Name)
	}
}

func pathExists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// CheckDocker tells whether the docker runtime can be used; if not, its error wraps [ErrNoDocker] and says what to do.
func CheckDocker(ctx context.Context) error {
	docker, err := connect(ctx)
	if err != nil {
		return err
	}
	return docker.Close()
}
