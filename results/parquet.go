package results

import (
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/splitbed/splitbed/internal/atomicfile"
)

// WriteFrames writes frames.parquet, a row a frame, whole or not at all.
func WriteFrames(path string, frames []Frame) error { return writeParquet(path, frames) }

// ReadFrames reads frames.parquet.
func ReadFrames(path string) ([]Frame, error) { return readParquet[Frame](path) }

// WriteSamples writes samples.parquet, a row a reading of a link or CPU, whole or not at all.
func WriteSamples(path string, samples []Sample) error { return writeParquet(path, samples) }

// ReadSamples reads samples.parquet.
func ReadSamples(path string) ([]Sample, error) { return readParquet[Sample](path) }

// WriteFlows writes flows.parquet, a row a reading of a background flow, whole or not at all.
func WriteFlows(path string, flows []FlowSample) error { return writeParquet(path, flows) }

// ReadFlows reads flows.parquet.
func ReadFlows(path string) ([]FlowSample, error) { return readParquet[FlowSample](path) }

func writeParquet[T any](path string, rows []T) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		out := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd))
		if _, err := out.Write(rows); err != nil {
			return err
		}
		return out.Close()
	})
}

func readParquet[T any](path string) (rows []T, err error) {
	// The reader checks less than it trusts: on a damaged file it may panic instead of returning an error.
	defer func() {
		if p := recover(); p != nil {
			rows, err = nil, fmt.Errorf("read %s: the file is damaged: %v", path, p)
		}
	}()
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	rows, err = parquet.Read[T](file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}
