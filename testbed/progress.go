package testbed

// Phase is a part of a run's life.
type Phase string

// The phases of a run, in their order.
const (
	Resolve  Phase = "resolve"
	Schedule Phase = "schedule"
	Planning Phase = "plan"
	Build    Phase = "build"
	WarmUp   Phase = "warm up"
	Replay   Phase = "replay"
	Collect  Phase = "collect"
	Verdict  Phase = "verdict"
	Kept     Phase = "kept" // the testbed stays up although its run is over
	TearDown Phase = "tear down"
)

// Progress is told what a run does. Its methods are called from one goroutine at a time.
type Progress interface {
	// Phase begins a phase.
	Phase(p Phase, detail string)
	// Step tells how much of the phase is done, between 0 and 1.
	Step(done float64)
	// Note passes on something the user should read.
	Note(message string)
}

// Silent is a Progress that says nothing.
type Silent struct{}

// Phase implements Progress.
func (Silent) Phase(Phase, string) {}

// Step implements Progress.
func (Silent) Step(float64) {}

// Note implements Progress.
func (Silent) Note(string) {}
