package link

import (
	"fmt"
	"strings"
)

// Difference is one figure that the kernel has otherwise than the plan.
type Difference struct {
	Subject  string // a link ("gw-a.uplink"), a device ("gw-a/eth0") or a namespace
	Quantity string // "HTB rate (bytes/s)"
	Planned  string
	Kernel   string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s is %s, planned %s", d.Subject, d.Quantity, d.Kernel, d.Planned)
}

// MismatchError lists everything in which a live network differs from its plan.
type MismatchError struct{ Differences []Difference }

func (e *MismatchError) Error() string {
	lines := []string{"the kernel's network is not as planned; something else has changed it, or the kernel has rounded it:"}
	for _, d := range e.Differences {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n  ")
}

// differ reports a figure if it is not as planned.
func differ[T comparable](report func(Difference), subject, quantity string, planned, kernel T) {
	if planned != kernel {
		report(Difference{subject, quantity, fmt.Sprint(planned), fmt.Sprint(kernel)})
	}
}
