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
}

// Report is the verdict of all checks of a run.
type Report struct {
	Verdict string  `json:"verdict"` // Valid or Invalid
	Checks  []Check `json:"checks"`
}

// The verdicts of a Report.
const (
	Valid   = "valid"
	Invalid = "invalid"
)
