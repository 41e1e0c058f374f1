package testbed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/splitbed/splitbed/internal/atomicfile"
	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/workloads/engine"
	"github.com/splitbed/splitbed/workloads/model"
)

// Measured is what the heads of networks cost on a host: their CPU time there, times the speed at which the same core computes
// large convolutions. A head that reaches less than that speed costs more than its operations.
type Measured struct {
	// CPU and GFLOPSPerCore say where it was measured.
	CPU           string          `yaml:"cpu" json:"cpu"`
	GFLOPSPerCore float64         `yaml:"gflops_per_core" json:"gflops_per_core"`
	Heads         []MeasuredHeads `yaml:"heads" json:"heads"`
}

// MeasuredHeads is one network at one picture size: GFLOP[k-1] is what layers 1..k cost for a frame, in equivalent operations.
type MeasuredHeads struct {
	Model  string    `yaml:"model" json:"model"`
	Height int       `yaml:"height" json:"height"`
	Width  int       `yaml:"width" json:"width"`
	Digest string    `yaml:"digest,omitempty" json:"digest,omitempty"` // of an ONNX file
	GFLOP  []float64 `yaml:"gflop,flow" json:"gflop"`
}

func (m *Measured) validate(c spec.Cursor) error {
	if m == nil {
		return nil
	}
	for i, h := range m.Heads {
		for _, v := range h.GFLOP {
			if !(v > 0) || math.IsInf(v, 0) {
				return c.Field("heads").Index(i).Field("gflop").Errorf("above 0", "a head cannot cost %v operations", v)
			}
		}
	}
	return nil
}

// heads is what was measured of a network at a picture size, nil where nothing was.
func (m *Measured) heads(p model.Profile) *MeasuredHeads {
	if m == nil {
		return nil
	}
	at := slices.IndexFunc(m.Heads, func(h MeasuredHeads) bool {
		return h.Model == p.Model && h.Height == p.Height && h.Width == p.Width && h.Digest == p.Digest && len(h.GFLOP) == p.Cuts()
	})
	if at < 0 {
		return nil
	}
	return &m.Heads[at]
}

// complete is what m says of the networks needed, the rest taken from the store's cache or measured now, and cached.
func (m *Measured) complete(ctx context.Context, store model.Store, needed []model.Profile) (*Measured, error) {
	slices.SortFunc(needed, func(a, b model.Profile) int {
		return slices.Compare([]string{a.Model, fmt.Sprintf("%5d %5d", a.Height, a.Width)}, []string{b.Model, fmt.Sprintf("%5d %5d", b.Height, b.Width)})
	})
	out := &Measured{}
	if m != nil {
		out.CPU, out.GFLOPSPerCore = m.CPU, m.GFLOPSPerCore
	}
	var missing []model.Profile
	for _, p := range needed {
		if heads := m.heads(p); heads == nil {
			missing = append(missing, p)
		} else if out.heads(p) == nil {
			out.Heads = append(out.Heads, *heads)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	if m != nil && len(m.Heads) > 0 && m.CPU != cpuModel() {
		return nil, fmt.Errorf("scheduler.measured comes from another processor (%s) and lacks %s at %d×%d; remove it to measure everything on this host",
			m.CPU, missing[0].Model, missing[0].Height, missing[0].Width)
	}
	here, err := measuredHere(ctx, store, missing)
	if err != nil {
		return nil, fmt.Errorf("measuring overheads: %w", err)
	}
	out.CPU, out.GFLOPSPerCore = here.CPU, here.GFLOPSPerCore
	for _, p := range missing {
		if out.heads(p) == nil {
			out.Heads = append(out.Heads, *here.heads(p))
		}
	}
	return out, nil
}

// measuredHere is the store's cache with the needed networks in it. One process at a time measures.
func measuredHere(ctx context.Context, store model.Store, needed []model.Profile) (*Measured, error) {
	if err := os.MkdirAll(store.Dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(store.Dir, fmt.Sprintf("overheads-v%d.json", model.Version))
	guard, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	if err := lock(ctx, guard); err != nil {
		return nil, fmt.Errorf("locking %s: %w", guard.Name(), err)
	}
	cache, err := readMeasured(path)
	if err != nil {
		return nil, err
	}
	fresh := false
	for _, p := range needed {
		if cache.heads(p) != nil {
			continue
		}
		if !fresh {
			// The speed of now, so that a busier hour changes it as it changes the times.
			if err := engine.Init(); err != nil {
				return nil, err
			}
			speed, err := engine.Calibrate(ctx, store, time.Second)
			if err != nil {
				return nil, err
			}
			cache.GFLOPSPerCore, fresh = float64(speed)/1e9, true
		}
		times, err := engine.HeadTimes(ctx, store, p)
		if err != nil {
			return nil, err
		}
		heads := MeasuredHeads{Model: p.Model, Height: p.Height, Width: p.Width, Digest: p.Digest}
		for _, took := range times {
			heads.GFLOP = append(heads.GFLOP, took.Seconds()*cache.GFLOPSPerCore)
		}
		cache.Heads = append(cache.Heads, heads)
		text, err := json.Marshal(cache)
		if err != nil {
			return nil, err
		}
		if err := atomicfile.WriteBytes(path, append(text, '\n')); err != nil {
			return nil, err
		}
	}
	return cache, nil
}

// lock takes an exclusive lock on a file, which ends with its descriptor. Another process may hold it for minutes; a call that waits in the kernel
// would not see the end of ctx.
func lock(ctx context.Context, f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// readMeasured reads the cache; one of another processor is as good as none.
func readMeasured(path string) (*Measured, error) {
	empty := &Measured{CPU: cpuModel()}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return nil, err
	}
	cache := &Measured{}
	if json.Unmarshal(text, cache) != nil || cache.CPU != empty.CPU {
		return empty, nil
	}
	return cache, nil
}
