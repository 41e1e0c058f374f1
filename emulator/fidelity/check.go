package fidelity

// Check is one thing the testbed watched about itself during a run.
type Check struct {
	Name    string  `json:"name"`
	Subject string  `json:"subject"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	OK      bool    `json:"ok"`
	// Advice says which figure cannot be trusted and what to change; empty when OK.
	Advice string `json:"advice,omitempty"`
	// Cure is by how much the dilation would have to grow for the check to hold, judging by its value; 0 where a larger
	// dilation would not help, or the check holds.
	Cure float64 `json:"-"`
}

// Report is the verdict of all checks of a run.
type Report struct {
	Verdict string `json:"verdict"` // Valid or Invalid
	// NextDilation is the dilation to try next; 0 where the run is valid or a larger dilation would not help.
	NextDilation float64 `json:"next_dilation,omitempty"`
	Checks       []Check `json:"checks"`
}

// The verdicts of a Report.
const (
	Valid   = "valid"
	Invalid = "invalid"
)
