package emulator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/object"
	"github.com/splitbed/splitbed/internal/testutil"
)

func TestObjectsOfEveryKindAreRemovedOnceAndMayBeGone(t *testing.T) {
	testutil.NeedsRoot(t)
	ctx := context.Background()
	name := fmt.Sprintf("sb-test%08x-gone", rand.Uint32())
	for _, kind := range []string{object.NetNS, object.Process} {
		o := object.Object{Kind: kind, Name: name}
		if exists, err := emulator.Exists(ctx, o); exists || err != nil {
			t.Errorf("a %s that was never made exists: %v, %v", kind, exists, err)
		}
		if err := emulator.Remove(ctx, o); err != nil {
			t.Errorf("remove a %s that was never made: %v", kind, err)
		}
	}
	// A run that died between making a namespace's file and mounting the namespace on it.
	file := filepath.Join("/run/netns", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	o := object.Object{Kind: object.NetNS, Name: name}
	if exists, err := emulator.Exists(ctx, o); !exists || err != nil {
		t.Errorf("half a namespace exists: %v, %v; want true", exists, err)
	}
	if err := emulator.Remove(ctx, o); err != nil {
		t.Error(err)
	}
	if exists, err := emulator.Exists(ctx, o); exists || err != nil {
		t.Errorf("half a namespace is left: %v, %v", exists, err)
	}
	if err := emulator.Remove(ctx, object.Object{Kind: "castle", Name: name}); err == nil {
		t.Error("an object of an unknown kind was removed")
	}
}
