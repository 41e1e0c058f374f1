package testbed

import (
	"context"
	"errors"
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
		failed := false
		for _, o := range slices.Backward(j.objects) {
			exists, err := emulator.Exists(ctx, o)
			if err == nil && !exists {
				continue
			}
			if err == nil && !dryRun {
				err = emulator.Remove(ctx, o)
			}
			if err != nil {
				errs, failed = append(errs, err), true
				continue
			}
			cleaned.Removed = append(cleaned.Removed, RemovedObject{o, j.owner.Run})
		}
		if !dryRun && !failed {
			errs = append(errs, os.Remove(j.path))
		}
	}
	return cleaned, errors.Join(errs...)
}
