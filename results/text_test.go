package results

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/splitbed/splitbed/emulator/fidelity"
	"github.com/splitbed/splitbed/scheduler"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// shown are the summaries whose text is kept in testdata.
func shown() map[string]Summary {
	kept, _ := drawn(4, 6, false)
	violated, _ := drawn(4, 8, true)
	violated.Broken = []scheduler.Violation{{Subject: "gw-d", Resource: scheduler.Uplink, Asked: 41e6, Allowed: 36e6}}
	invalid, _ := drawn(2, 2, false)
	invalid.Fidelity = fidelity.Judge([]fidelity.Check{fidelity.LinkRate("gw-a.uplink", 10e6, 9e6), fidelity.LinkRate("gw-b.uplink", 20e6, 20e6)}, "cpu_granted")
	many, _ := drawn(40, 300, true)
	return map[string]Summary{"kept": Summarise(kept), "violated": Summarise(violated), "invalid": Summarise(invalid), "many": Summarise(many)}
}

func TestTextOfASummary(t *testing.T) {
	for name, s := range shown() {
		var text strings.Builder
		if err := s.Text(&text, 100, false); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), text.String()); d != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, d)
		}
	}
}

var ansi = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestTextFitsItsWidthAndColourChangesNothingElse(t *testing.T) {
	for name, s := range shown() {
		s.Tasks[0].Task = "a-camera-with-a-name-that-is-much-too-long-for-any-table-of-a-terminal"
		s.Edges[0].Edge = "an-edge-with-a-long-name-of-its-own"
		for _, width := range []int{80, 100, 120} {
			var plain, colour strings.Builder
			if err := errors.Join(s.Text(&plain, width, false), s.Text(&colour, width, true)); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(plain.String(), "\n") {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("%s at %d columns: a line of %d: %s", name, width, n, line)
				}
			}
			if !strings.Contains(colour.String(), "\x1b[") {
				t.Errorf("%s: no colour where colour was asked for", name)
			}
			if d := cmp.Diff(plain.String(), ansi.ReplaceAllString(colour.String(), "")); d != "" {
				t.Errorf("%s: colour changes the text:\n%s", name, d)
			}
		}
	}
}

func TestNamesCannotWriteToTheTerminal(t *testing.T) {
	in, _ := drawn(1, 1, false)
	in.Experiment = "x\x1b[2Jy\nz"
	s := Summarise(in)
	s.Tasks[0].Task = "cam\x1b]0;title\a"
	s.Reason = "because\x1b[31m"
	var text strings.Builder
	if err := s.Text(&text, 100, false); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\a") {
		t.Errorf("control characters of names reach the terminal:\n%q", text.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("no space left")

func TestTextReportsAFailedWrite(t *testing.T) {
	in, _ := drawn(1, 1, false)
	if err := Summarise(in).Text(full{}, 100, false); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}

func TestFiguresReadWell(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{rateText(10e6), "10 Mb/s"}, {rateText(1e9), "1 Gb/s"}, {rateText(12.345e6), "12.3 Mb/s"}, {rateText(999.96e6), "1 Gb/s"},
		{rateText(2500), "2.5 kb/s"}, {rateText(0), "0 b/s"}, {rateText(Absent()), "–"},
		{timeText(0.0874), "87.4 ms"}, {timeText(0.2), "200 ms"}, {timeText(0.9999), "1 s"}, {timeText(5), "5 s"}, {timeText(0.00012), "0.12 ms"},
		{timeText(123.4), "123 s"}, {timeText(Absent()), "–"}, {timeText(-0.002), "-2 ms"},
		{share(1, 3), "33.3 %"}, {share(0, 9), "0 %"}, {share(9, 9), "100 %"}, {share(99999, 100000), "99.9 %"}, {share(1, 100000), "0.1 %"}, {share(0, 0), "–"},
		{percent(0.99), "99 %"}, {percent(0.999), "99.9 %"}, {percent(1), "100 %"},
		{fmt.Sprint(wrapped("  a list of words", 9, 4)), "[  a list     of     words]"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
