package units

import (
	"math/big"
	"strconv"
	"strings"
)

const allowedBytes = "bytes such as 800B, 200kB or 1.5MB (decimal), 64KiB or 2MiB (binary)"

var byteScales = []scale{{"GB", 9}, {"MB", 6}, {"kB", 3}, {"B", 0}}

// byteUnit maps a suffix to the number of bytes it stands for.
func byteUnit(suffix string) (int64, bool) {
	switch suffix {
	case "B":
		return 1, true
	case "kB":
		return 1e3, true
	case "MB":
		return 1e6, true
	case "GB":
		return 1e9, true
	case "KiB":
		return 1 << 10, true
	case "MiB":
		return 1 << 20, true
	case "GiB":
		return 1 << 30, true
	}
	return 0, false
}

// ParseBytes reads a whole number of bytes: B, kB, MB, GB are powers of 1000, KiB, MiB, GiB of 1024. Its
// error is an *Error.
func ParseBytes(s string) (Bytes, error) {
	number, suffix, ok := split(s)
	if !ok || len(number) > 40 {
		return 0, &Error{s, "is not a size", allowedBytes}
	}
	unit, ok := byteUnit(suffix)
	if !ok {
		return 0, &Error{s, byteProblem(suffix), allowedBytes}
	}
	exact, _ := new(big.Rat).SetString(number)
	exact.Mul(exact, new(big.Rat).SetInt64(unit))
	switch {
	case !exact.IsInt():
		return 0, &Error{s, "is not a whole number of bytes", allowedBytes}
	case !exact.Num().IsInt64():
		return 0, &Error{s, "is too large a size", allowedBytes}
	}
	return Bytes(exact.Num().Int64()), nil
}

func byteProblem(suffix string) string {
	switch suffix {
	case "":
		return "has no unit"
	case "KB", "K", "k":
		return suffix + " may be 1000 or 1024 bytes"
	case "b", "kb", "Kb", "Mb", "Gb", "kbit", "mbit", "Mbit", "gbit", "Gbit":
		return suffix + " is bits, and a size is in bytes"
	}
	return suffix + " is not a unit of size"
}

// String prints the size in decimal units, exactly, so that ParseBytes reads the same value back.
func (b Bytes) String() string {
	digits := strconv.FormatInt(int64(b), 10)
	sign := ""
	if b < 0 {
		sign, digits = "-", digits[1:]
	}
	for _, s := range byteScales {
		if len(digits) > s.exp && b != 0 {
			number := place(digits, len(digits)-1-s.exp)
			if strings.Contains(number, ".") {
				number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
			}
			return sign + number + s.suffix
		}
	}
	return "0B"
}

// MarshalText prints the size for YAML and JSON.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText is ParseBytes.
func (b *Bytes) UnmarshalText(text []byte) error { return unmarshalText(text, b, ParseBytes) }

// UnmarshalJSON accepts the string form and a whole number of bytes.
func (b *Bytes) UnmarshalJSON(data []byte) error { return unmarshalJSON[int64](data, b, ParseBytes) }
