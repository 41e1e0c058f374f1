package emulator

import (
	"context"

	"github.com/splitbed/splitbed/emulator/netns"
	"github.com/splitbed/splitbed/emulator/node"
	"github.com/splitbed/splitbed/emulator/object"
)

// Remove removes an object that a run has journalled, also when the run is long dead; one that does not exist is no error.
func Remove(ctx context.Context, o object.Object) error {
	if o.Kind == object.NetNS {
		return netns.Remove(o.Name)
	}
	return node.Remove(ctx, o)
}

// Exists tells whether an object that a run has journalled is there.
func Exists(ctx context.Context, o object.Object) (bool, error) {
	if o.Kind == object.NetNS {
		return netns.Exists(o.Name)
	}
	return node.Exists(ctx, o)
}
