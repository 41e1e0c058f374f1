package main_test

import (
	"testing"

	"github.com/splitbed/splitbed/internal/testutil"
)

// binary is the splitbed command under test, built once from this checkout.
var binary string

func TestMain(m *testing.M) { testutil.MainWithBinary(m, &binary) }
