package units

import "time"

// Rate is a data rate in bits per second, decimal (10 Mb/s is 1e7).
type Rate float64

// Bytes is a number of bytes.
type Bytes int64

// FLOPS is a compute rate in floating-point operations per second.
type FLOPS float64

// Probability is a chance between 0 and 1, written as a percentage ("0.1%") or a fraction.
type Probability float64

// Virtual is a span of virtual (emulated) time. Everything a user writes or reads is virtual;
// a span of wall time is a time.Duration. Dilation converts between the two.
type Virtual time.Duration

// Dilation is the number of wall seconds one virtual second takes, at least 1.
type Dilation float64
