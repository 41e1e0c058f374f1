package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/testbed"
)

// newProgress shows a run's phases on stderr: as bars on a terminal, as a line a phase elsewhere.
// finish must be called before anything else is printed.
func newProgress(file *os.File) (progress testbed.Progress, finish func()) {
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
		return &lineProgress{w: file}, func() {}
	}
	p := &barProgress{bars: mpb.New(mpb.WithOutput(file), mpb.WithWidth(40))}
	return p, p.finish
}

// barSteps is a bar's resolution.
const barSteps = 1000

// barProgress draws one bar for each phase.
type barProgress struct {
	mu      sync.Mutex
	bars    *mpb.Progress
	current *mpb.Bar
}

func (p *barProgress) Phase(phase testbed.Phase, detail string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complete()
	p.current = p.bars.AddBar(barSteps,
		mpb.PrependDecorators(decor.Name(string(phase), decor.WC{W: 10, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6}), decor.Name("  "+detail)))
}

func (p *barProgress) Step(done float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		p.current.SetCurrent(int64(done * barSteps))
	}
}

func (p *barProgress) Note(message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.bars, message)
}

func (p *barProgress) complete() {
	if p.current != nil {
		p.current.SetCurrent(barSteps)
		p.current = nil
	}
}

func (p *barProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complete()
	p.bars.Wait()
}

// lineProgress prints a line when a phase begins.
type lineProgress struct{ w io.Writer }

func (p *lineProgress) Phase(phase testbed.Phase, detail string) {
	if detail != "" {
		detail = ": " + detail
	}
	fmt.Fprintf(p.w, "%s%s\n", phase, detail)
}

func (p *lineProgress) Step(float64) {}

func (p *lineProgress) Note(message string) { fmt.Fprintln(p.w, message) }
