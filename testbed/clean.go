package testbed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/splitbed/splitbed/emulator"
	"github.com/splitbed/splitbed/emulator/object"
)

// Cleaned is the outcome of Clean: what was removed, and how many runs were left alone because their
// process is alive.
type Cleaned struct {
	Removed []RemovedObject `json:"removed"`
	Kept    int             `json:"kept"`
}

// RemovedObject is one object of a dead run.
type RemovedObject struct {
	object.Object
	Run string `json:"run"`
}

// Clean removes what dead runs left on this host, and nothing else: the objects of each journal whose
// process is gone, the last made first. With dryRun it only tells what it would remove. An object that
// does not go keeps its journal, so that Clean can be tried again; the errors are joined.
func Clean(ctx context.Context, dryRun bool) (Cleaned, error) {
	cleaned := Cleaned{Removed: []RemovedObject{}}
	all, err := journals()
	if err != nil {
		return cleaned, err
	}
	var errs []error
	for _, j := range all {
		if j.alive() {
			cleaned.Kept++
			continue
		}
		removed, err := sweep(ctx, j.objects, dryRun)
		for _, o := range removed {
			cleaned.Removed = append(cleaned.Removed, RemovedObject{o, j.owner.Run})
		}
		if err == nil && !dryRun {
			// Another clean may have been faster.
			if err = os.Remove(j.path); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
		errs = append(errs, err)
	}
	return cleaned, errors.Join(errs...)
}

// sweep removes what there still is of a run's objects, the last made first, and lists it. With dryRun it only
// lists.
func sweep(ctx context.Context, objects []object.Object, dryRun bool) (removed []object.Object, err error) {
	var errs []error
	for _, o := range slices.Backward(objects) {
		exists, err := emulator.Exists(ctx, o)
		if err == nil && !exists {
			continue
		}
		if err == nil && !dryRun {
			err = emulator.Remove(ctx, o)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, o)
	}
	return removed, errors.Join(errs...)
}
