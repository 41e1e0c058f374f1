// Package testutil says by name what a test needs of the machine it runs on.
//
// A need that is not met skips the test on a developer's machine; with SPLITBED_TEST_STRICT=1, which
// `make test` sets, it fails the test instead, so that a full run proves that nothing was skipped.
package testutil
