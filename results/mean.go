package results

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// MeanInterval is the mean of independent values and the 95 % interval of that mean by Student's t distribution. The
// interval tells how well the mean is known, not how far single values lie from it. Of one value the interval is
// that value; of none all three are NaN.
func MeanInterval(values []float64) (mean, low, high float64) {
	mean, deviation := stat.MeanStdDev(values, nil)
	if len(values) < 2 {
		return mean, mean, mean
	}
	n := float64(len(values))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(1 - (1-confidence)/2)
	half := t * deviation / math.Sqrt(n)
	return mean, mean - half, mean + half
}
