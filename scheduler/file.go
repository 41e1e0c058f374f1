package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/internal/units"
)

// ErrSchedule is wrapped by every error of [ReadSchedule] that lies in the text and not in reading it.
var ErrSchedule = errors.New("bad schedule")

// scheduleFile is the text form of a schedule. Rates are numbers, bit/s, so that what was written is read back to
// the last digit; "10Mbps" is accepted from those who write by hand.
type scheduleFile struct {
	Algorithm string           `json:"algorithm"`
	Tasks     []assignmentFile `json:"tasks"`
}

type assignmentFile struct {
	Task     string     `json:"task"`
	Deployed bool       `json:"deployed"`
	Cut      int        `json:"k"`
	Rates    []fileRate `json:"rates,omitempty"`
	During   []fileSpan `json:"during,omitempty"`
}

// fileSpan is an interval in seconds; without its end it lasts as long as the task.
type fileSpan struct {
	From float64 `json:"from_s"`
	To   float64 `json:"to_s,omitempty"`
}

type fileRate float64

func (r *fileRate) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] != '"' {
		return json.Unmarshal(text, (*float64)(r))
	}
	var rate units.Rate
	if err := json.Unmarshal(text, &rate); err != nil {
		return err
	}
	*r = fileRate(rate)
	return nil
}

// MarshalJSON writes the assignment as schedule.json has it: {"task", "deployed", "k", "rates"}, and
// "during" where it runs in a part of its life.
func (a Assignment) MarshalJSON() ([]byte, error) { return json.Marshal(a.file()) }

func (a Assignment) file() assignmentFile {
	f := assignmentFile{Task: a.Task, Deployed: a.Deployed, Cut: a.Cut}
	for _, r := range a.Rates {
		f.Rates = append(f.Rates, fileRate(r))
	}
	for _, i := range a.During {
		f.During = append(f.During, fileSpan{i.From.Seconds(), i.To.Seconds()})
	}
	return f
}

// WriteSchedule writes the schedule as indented JSON, the form [ReadSchedule] takes.
func WriteSchedule(w io.Writer, sched Schedule) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(sched); err != nil {
		return fmt.Errorf("write schedule: %w", err)
	}
	return nil
}

// ReadSchedule reads a schedule for the instance. Its tasks may come in any order, are matched by name and are returned
// in the instance's order; every task of the instance must be there, undeployed ones without rates. Unknown keys and
// tasks, a task twice, a cut the network does not have, too few or too many rates, rates that are negative or
// infinite and intervals that are empty or out of order are errors that wrap [ErrSchedule]. Whether the schedule fits is for [Check] to say.
func ReadSchedule(r io.Reader, inst Instance) (Schedule, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var file scheduleFile
	if err := dec.Decode(&file); err != nil {
		return Schedule{}, fmt.Errorf("%w: %w", ErrSchedule, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Schedule{}, fmt.Errorf("%w: text after the end of the JSON object", ErrSchedule)
	}

	return file.match(inst)
}

// Match puts a schedule from elsewhere into the instance's order and checks that it is one for it, as [ReadSchedule] does.
func Match(sched Schedule, inst Instance) (Schedule, error) {
	file := scheduleFile{Algorithm: sched.Algorithm}
	for _, a := range sched.Tasks {
		file.Tasks = append(file.Tasks, a.file())
	}
	return file.match(inst)
}

// NoTask says that the instance lacks a task.
func (inst Instance) NoTask(name string) string {
	names := make([]string, len(inst.Tasks))
	for j, t := range inst.Tasks {
		names[j] = t.Name
	}
	return spec.Suggest(fmt.Sprintf("the workload has no task %q", name), name, names)
}

func (file scheduleFile) match(inst Instance) (Schedule, error) {
	position := make(map[string]int, len(inst.Tasks))
	for j, t := range inst.Tasks {
		position[t.Name] = j
	}
	sched := Schedule{Algorithm: file.Algorithm, Tasks: make([]Assignment, len(inst.Tasks))}
	for _, a := range file.Tasks {
		j, ok := position[a.Task]
		if !ok {
			return Schedule{}, fmt.Errorf("%w: %s", ErrSchedule, inst.NoTask(a.Task))
		}
		if sched.Tasks[j].Task != "" {
			return Schedule{}, fmt.Errorf("%w: task %q is there twice", ErrSchedule, a.Task)
		}
		assignment, err := a.resolve(inst.Tasks[j])
		if err != nil {
			return Schedule{}, err
		}
		sched.Tasks[j] = assignment
	}
	for j, t := range inst.Tasks {
		if sched.Tasks[j].Task == "" {
			return Schedule{}, fmt.Errorf("%w: task %q of the workload is missing; list it with \"deployed\": false if it is not to run", ErrSchedule, t.Name)
		}
	}
	return sched, nil
}

func (a assignmentFile) resolve(t Task) (Assignment, error) {
	out := Assignment{Task: a.Task, Deployed: a.Deployed, Cut: a.Cut}
	if !a.Deployed {
		if len(a.Rates) > 0 || len(a.During) > 0 {
			return Assignment{}, fmt.Errorf("%w: task %q is not deployed but has rates or intervals", ErrSchedule, a.Task)
		}
		return Assignment{Task: a.Task}, nil
	}
	if a.Cut < 0 || a.Cut > t.Cuts() {
		return Assignment{}, fmt.Errorf("%w: task %q: k is %d, its network has the cuts 0 to %d", ErrSchedule, a.Task, a.Cut, t.Cuts())
	}
	if len(a.Rates) != len(t.At) {
		return Assignment{}, fmt.Errorf("%w: task %q: %d rates for its %d edges", ErrSchedule, a.Task, len(a.Rates), len(t.At))
	}
	for n, r := range a.Rates {
		if !(r >= 0) || math.IsInf(float64(r), 1) {
			return Assignment{}, fmt.Errorf("%w: task %q: rate number %d is %v bit/s; it must be finite and at least 0", ErrSchedule, a.Task, n+1, float64(r))
		}
		out.Rates = append(out.Rates, units.Rate(r))
	}
	for _, s := range a.During {
		out.During = append(out.During, Interval{virtual(s.From), virtual(s.To)})
	}
	if err := checkIntervals(out.During); err != nil {
		return Assignment{}, fmt.Errorf("%w: task %q: %w", ErrSchedule, a.Task, err)
	}
	return out, nil
}

// violationFile writes an infinite demand as null, which JSON has no number for.
type violationFile struct {
	Task     string   `json:"task,omitempty"`
	Subject  string   `json:"subject"`
	Resource string   `json:"resource"`
	Asked    *float64 `json:"asked"`
	Allowed  *float64 `json:"allowed"`
	At       float64  `json:"at_s,omitempty"`
}

// MarshalJSON writes the violation; an infinite figure ("no rate is enough") is null.
func (v Violation) MarshalJSON() ([]byte, error) {
	return json.Marshal(violationFile{v.Task, v.Subject, v.Resource, finite(v.Asked), finite(v.Allowed), v.At.Seconds()})
}

// UnmarshalJSON reads what MarshalJSON writes; null is +Inf.
func (v *Violation) UnmarshalJSON(text []byte) error {
	var f violationFile
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*v = Violation{f.Task, f.Subject, f.Resource, orInf(f.Asked), orInf(f.Allowed), virtual(f.At)}
	return nil
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return nil
	}
	return &x
}

func orInf(x *float64) float64 {
	if x == nil {
		return math.Inf(1)
	}
	return *x
}
