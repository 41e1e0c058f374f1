package node

import (
	"context"
	"errors"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/splitbed/splitbed/emulator/object"
)

// ErrNotOurs is wrapped by Remove for an object that has a journalled name but was not made by a run.
var ErrNotOurs = errors.New("not made by splitbed")

// Remove removes a process, a cgroup or a container by its journalled name, also when the harness that made it is long dead.
// What does not exist is no error. What bears the name but not the marks of a run is left alone, with an error that wraps ErrNotOurs.
// Remove may be called concurrently, in any order of the objects.
func Remove(ctx context.Context, o object.Object) error {
	switch o.Kind {
	case object.Process:
		return killMarked(ctx, o.Name)
	case object.Cgroup:
		h, err := readHierarchy()
		if err != nil {
			return fmt.Errorf("remove cgroup %s: %w", o.Name, err)
		}
		return h.removeGroup(ctx, o.Name)
	case object.Container:
		return removeOwnContainer(ctx, o.Name)
	default:
		return fmt.Errorf("remove %s %s: package node makes no objects of this kind", o.Kind, o.Name)
	}
}

// removeOwnContainer removes the container of that name if its labels say that it is the node the name stands for.
func removeOwnContainer(ctx context.Context, name string) error {
	docker, err := connect(ctx)
	if err != nil {
		return fmt.Errorf("remove container %s: %w", name, err)
	}
	defer docker.Close()
	info, err := docker.ContainerInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove container %s: %w", name, err)
	}
	labels := info.Config.Labels
	if info.Name != "/"+name || objectName(labels[labelRun], labels[labelNode]) != name {
		return fmt.Errorf("container %s has no label %s that fits its name and is left alone: %w", name, labelRun, ErrNotOurs)
	}
	return removeContainer(ctx, docker, info.ID)
}
