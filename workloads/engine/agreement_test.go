package engine

import (
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
	"github.com/splitbed/splitbed/workloads/model"
)

// TestFinerFormsAgreeMore has every cut of a network answer over the wire: half of a float's bits change no answer that is
// not a tie, and 16 levels cannot do better.
func TestFinerFormsAgreeMore(t *testing.T) {
	testutil.NeedsEngine(t)
	p, err := model.Describe("cnn2", 96, 160)
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := Agree(t.Context(), testStore(t), p, 6)
	if err != nil {
		t.Fatal(err)
	}
	if len(agreement) != p.Cuts() {
		t.Fatalf("agreement at %d cuts, the network has %d", len(agreement), p.Cuts())
	}
	for i, a := range agreement {
		if len(a) != len(Forms()) {
			t.Errorf("cut %d: %d forms, want %d", i+1, len(a), len(Forms()))
		}
		if a["float16"] != 1 || a["uint4"] > a["float16"] || a["uint8"] < 0.5 {
			t.Errorf("cut %d: %v, want 1 for float16 and no more for any other", i+1, a)
		}
	}
}
