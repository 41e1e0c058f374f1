package testbed

import (
	"fmt"
	"math"
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/internal/units"
	"github.com/splitbed/splitbed/results"
)

// TestReservedTasksAreKeptBesideBulkTransfers is the shipped experiment in its three forms: the same schedule beside two bulk
// transfers in one queue, alone, and beside the transfers with its bandwidth reserved.
func TestReservedTasksAreKeptBesideBulkTransfers(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	for _, c := range []struct {
		sharing string
		alone   bool
		want    string
	}{
		{SharingShared, false, results.Violated},
		{SharingShared, true, results.Kept},
		{SharingReserved, false, results.Kept},
	} {
		t.Run(fmt.Sprintf("%s, alone %v", c.sharing, c.alone), func(t *testing.T) {
			e, err := LoadExperiment("congestion")
			if err != nil {
				t.Fatal(err)
			}
			e.Emulation.Sharing, e.Emulation.Warmup, e.Emulation.Duration = c.sharing, units.Virtual(500e6), units.Virtual(3e9)
			if c.alone {
				e.Workload.Background = nil
			}
			s, _ := runValid(t, e, Options{})
			if s.Verdict != c.want {
				t.Errorf("%s, want %s: %s", s.Verdict, c.want, s.Reason)
			}
			for _, task := range s.Tasks {
				got, want := float64(task.Transfer.P50), float64(task.Predicted)
				if near := math.Abs(got/want-1) < 0.05; near != (c.want == results.Kept) {
					t.Errorf("%s: median transfer %.4g s, predicted %.4g s; within 5 %%: %v", task.Task, got, want, near)
				}
			}
		})
	}
}

// TestABorrowingTaskIsFasterThanItsReservation has a task alone on an uplink of which it has reserved an eighth.
func TestABorrowingTaskIsFasterThanItsReservation(t *testing.T) {
	testutil.NeedsRoot(t)
	testutil.NeedsEngine(t)
	e, err := LoadExperiment("congestion")
	if err != nil {
		t.Fatal(err)
	}
	e.Emulation.Sharing, e.Emulation.Duration = SharingBorrow, units.Virtual(2e9)
	e.Workload.Background = nil
	e.Workload.Tasks[0].Count = 1
	s, _ := runValid(t, e, Options{})
	for _, task := range s.Tasks {
		if got, want := float64(task.Transfer.P50), float64(task.Predicted); math.Abs(got/want-1) > 0.1 {
			t.Errorf("%s: median transfer %.4g s, at the uplink's whole rate it takes %.4g s", task.Task, got, want)
		}
	}
}
