package results

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// dash stands for a figure that is absent.
const dash = "–"

// rateText is a rate of bits per second with three digits: "10 Mb/s".
func rateText(bps Figure) string {
	if !bps.Known() {
		return dash
	}
	for _, unit := range []struct {
		name string
		size float64
	}{{"Gb/s", 1e9}, {"Mb/s", 1e6}, {"kb/s", 1e3}} {
		// From 999.5 on, three digits round to the next unit.
		if float64(bps) >= 0.9995*unit.size {
			return digits(float64(bps)/unit.size) + " " + unit.name
		}
	}
	return digits(float64(bps)) + " b/s"
}

// sizeText is a size to three digits.
func sizeText(bytes int64) string {
	for _, unit := range []struct {
		bytes float64
		name  string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if float64(bytes) >= unit.bytes {
			return digits(float64(bytes)/unit.bytes) + " " + unit.name
		}
	}
	return fmt.Sprintf("%d B", bytes)
}

// timeText is a span of seconds with three digits, in seconds or milliseconds.
func timeText(s Figure) string {
	switch {
	case !s.Known():
		return dash
	case math.Abs(float64(s)) >= 0.9995:
		return digits(float64(s)) + " s"
	}
	return digits(float64(s)*1e3) + " ms"
}

// digits prints three significant digits without an exponent.
func digits(x float64) string {
	if x == 0 {
		return "0"
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(x))+1e-9)))
	text := strconv.FormatFloat(x, 'f', min(decimals, 3), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func number(x Figure) string {
	if !x.Known() {
		return dash
	}
	return digits(float64(x))
}

// share is k of n as a percentage. It is rounded, but never to 0 % or 100 % where it is not that.
func share(k, n int) string {
	if n == 0 {
		return dash
	}
	p := math.Round(1000*float64(k)/float64(n)) / 10
	switch {
	case k > 0 && p < 0.1:
		p = 0.1
	case k < n && p > 99.9:
		p = 99.9
	}
	return trimmed(p) + " %"
}

// percent is a share in percent, to a hundredth.
func percent(x float64) string {
	if math.IsNaN(x) {
		return dash
	}
	return trimmed(math.Round(x*1e4)/1e2) + " %"
}

func trimmed(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func every(n int, what string) string {
	if n == 1 {
		return "the " + what
	}
	return fmt.Sprintf("all %d %ss", n, what)
}
