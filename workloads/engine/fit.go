package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"gonum.org/v1/gonum/mat"

	"github.com/splitbed/splitbed/workloads/camera"
	"github.com/splitbed/splitbed/workloads/model"
)

// Fitted names the built-in network whose last layer is fitted.
const Fitted = "alexnet2"

// FitReport says how well a fitted network tells a cat from a dog.
type FitReport struct {
	Model  string `json:"model"`
	Height int    `json:"height"`
	Width  int    `json:"width"`
	// Pictures were fitted to, HeldOut others asked; half of each show either.
	Pictures int `json:"pictures,omitempty"`
	HeldOut  int `json:"held_out"`
	// Accuracy is the share of right answers; LeaveOneOut an estimate of it from the fitted pictures alone.
	Accuracy    float64 `json:"accuracy"`
	LeaveOneOut float64 `json:"leave_one_out,omitempty"`
	// Ridge is the penalty that was chosen, as a part of the features' mean square.
	Ridge float64 `json:"ridge,omitempty"`
}

// The seeds of fitted and of held-out scenes; the shipped video's are below both.
const (
	fitSeed  = 1_000_000
	heldSeed = 2_000_000
)

// FitCatDog fits the last layer of [Fitted] to pictures of synthetic cameras, h × w pixels, as transfer learning does: the layers
// before it stay as they are, and ridge regression of ±1 on their output gives its weights. The penalty is the one whose
// leave-one-out error is the smallest. heldOut other scenes tell how good it is.
func FitCatDog(ctx context.Context, store model.Store, h, w, pictures, heldOut int) (model.Fit, FitReport, error) {
	report := FitReport{Model: Fitted, Height: h, Width: w, Pictures: pictures, HeldOut: heldOut}
	if pictures < 4 || heldOut < 1 {
		return model.Fit{}, report, fmt.Errorf("engine: a fit to %d pictures, held against %d: at least 4 and 1 are needed", pictures, heldOut)
	}
	features, err := headOutputs(ctx, store, h, w, pictures+heldOut, func(i int) uint64 {
		if i < pictures {
			return fitSeed + uint64(i)
		}
		return heldSeed + uint64(i-pictures)
	})
	if err != nil {
		return model.Fit{}, report, err
	}
	fit, err := ridge(features[:pictures], &report)
	if err != nil {
		return model.Fit{}, report, err
	}
	right := 0
	for i, x := range features[pictures:] {
		f := float64(fit.Bias)
		for j, v := range x {
			f += float64(v) * float64(fit.Weights[j])
		}
		if (f > 0) == (subjectOf(i) == camera.Dog) {
			right++
		}
	}
	report.Accuracy = float64(right) / float64(heldOut)
	return fit, report, nil
}

// subjectOf is what picture i of a set shows.
func subjectOf(i int) camera.Subject { return camera.Subject(i % 2) }

// headOutputs is what the layers before the last make of n pictures.
func headOutputs(ctx context.Context, store model.Store, h, w, n int, seed func(i int) uint64) ([][]float32, error) {
	p, err := model.Describe(Fitted, h, w)
	if err != nil {
		return nil, err
	}
	head, err := store.Head(Fitted, h, w, p.Cuts()-1)
	if err != nil {
		return nil, err
	}
	var features [][]float32
	return features, shown(ctx, head, h, w, n, seed, func(_ int, output []float32) {
		features = append(features, append([]float32(nil), output...))
	})
}

// Accuracy asks the whole network about n held-out pictures.
func Accuracy(ctx context.Context, store model.Store, h, w, n int) (FitReport, error) {
	report := FitReport{Model: Fitted, Height: h, Width: w, HeldOut: n}
	whole, err := store.Whole(Fitted, h, w)
	if err != nil {
		return report, err
	}
	right := 0
	err = shown(ctx, whole, h, w, n, func(i int) uint64 { return heldSeed + uint64(i) }, func(i int, output []float32) {
		if (output[camera.Dog] > output[camera.Cat]) == (subjectOf(i) == camera.Dog) {
			right++
		}
	})
	report.Accuracy = float64(right) / float64(n)
	return report, err
}

// shown runs a file on n pictures.
func shown(ctx context.Context, f model.File, h, w, n int, seed func(i int) uint64, use func(i int, output []float32)) (err error) {
	s, err := Open(f, Options{Threads: runtime.NumCPU()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		footage, err := camera.NewFootage(seed(i), h, w, subjectOf(i))
		if err != nil {
			return err
		}
		if err := camera.Normalise(footage.Next(), h, w, s.Input()); err != nil {
			return err
		}
		if err := s.Run(); err != nil {
			return err
		}
		use(i, s.Output())
	}
	return nil
}

// ridge is the regression of −1 for even and +1 for odd rows on the features x, in its dual form, since there are fewer pictures than
// features. The bias is not penalised: features and answers are centred.
func ridge(x [][]float32, report *FitReport) (model.Fit, error) {
	n, d := len(x), len(x[0])
	mean := make([]float64, d)
	for _, row := range x {
		for j, v := range row {
			mean[j] += float64(v) / float64(n)
		}
	}
	centred := mat.NewDense(n, d, nil)
	y, meanY := mat.NewVecDense(n, nil), 0.0
	for i, row := range x {
		for j, v := range row {
			centred.Set(i, j, float64(v)-mean[j])
		}
		y.SetVec(i, 2*float64(subjectOf(i))-1)
		meanY += y.AtVec(i) / float64(n)
	}
	for i := range n {
		y.SetVec(i, y.AtVec(i)-meanY)
	}
	kernel := mat.NewSymDense(n, nil)
	kernel.SymOuterK(1, centred)
	square := mat.Trace(kernel) / float64(n)
	if !(square > 0) {
		return model.Fit{}, errors.New("engine: all pictures have the same features: there is nothing to fit")
	}
	var best *mat.VecDense
	bestError := math.Inf(1)
	for _, penalty := range []float64{1e-4, 1e-3, 1e-2, 1e-1, 1, 10} {
		dual, right, loss, err := solve(kernel, y, penalty*square)
		if err != nil {
			return model.Fit{}, err
		}
		if loss < bestError {
			bestError, best = loss, dual
			report.Ridge, report.LeaveOneOut = penalty, float64(right)/float64(n)
		}
	}
	var weights mat.VecDense
	weights.MulVec(centred.T(), best)
	fit := model.Fit{Weights: make([]float32, d)}
	bias := meanY
	for j := range d {
		fit.Weights[j] = float32(weights.AtVec(j))
		bias -= weights.AtVec(j) * mean[j]
	}
	fit.Bias = float32(bias)
	return fit, nil
}

// solve is the dual vector for a penalty, and what leaving each picture out in turn says of it (Hastie, Tibshirani and Friedman, The
// Elements of Statistical Learning, section 7.10): how many would be right, and the squared error.
func solve(kernel *mat.SymDense, y *mat.VecDense, penalty float64) (dual *mat.VecDense, right int, loss float64, err error) {
	n := y.Len()
	g := mat.NewSymDense(n, nil)
	g.CopySym(kernel)
	for i := range n {
		g.SetSym(i, i, g.At(i, i)+penalty)
	}
	var factors mat.Cholesky
	if !factors.Factorize(g) {
		return nil, 0, 0, errors.New("engine: the features' products are not positive definite")
	}
	dual = mat.NewVecDense(n, nil)
	if err := factors.SolveVecTo(dual, y); err != nil {
		return nil, 0, 0, fmt.Errorf("engine: ridge regression: %w", err)
	}
	var inverse mat.SymDense
	if err := factors.InverseTo(&inverse); err != nil {
		return nil, 0, 0, fmt.Errorf("engine: ridge regression: %w", err)
	}
	for i := range n {
		residual := dual.AtVec(i) / (inverse.At(i, i) - 1/(float64(n)*penalty)) // the bias takes its share of the freedom
		loss += residual * residual
		if (y.AtVec(i)-residual > 0) == (y.AtVec(i) > 0) {
			right++
		}
	}
	return dual, right, loss, nil
}
