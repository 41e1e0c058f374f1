package results

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"

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
	if rows, err = readRows[T](file, info.Size()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

// What a file may ask for: a few bytes of it can stand for any number of equal rows, and every row gets a copy of its texts.
const (
	rowsAByte   = 8       // records that differ in their times alone take half a byte each
	mostMemory  = 4 << 30 // bytes in memory, without texts
	longestText = 1 << 10 // bytes; names have far fewer
	rowsAtOnce  = 256     // until their texts are looked at
)

func readRows[T any](file io.ReaderAt, size int64) (rows []T, err error) {
	// The reader makes room for a footer of any length a file claims at its end: four bytes, and a magic word.
	var end [8]byte
	if _, err := file.ReadAt(end[:], size-int64(len(end))); err != nil {
		return nil, fmt.Errorf("the file is damaged: %d bytes are no records", size)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); n > size-int64(len(end)) {
		return nil, fmt.Errorf("the file is damaged: a footer of %d bytes in %d", n, size)
	}
	records, err := parquet.OpenFile(file, size)
	if err != nil {
		return nil, err
	}
	row := reflect.TypeFor[T]()
	var texts []int
	for i := range row.NumField() {
		if row.Field(i).Type.Kind() == reflect.String {
			texts = append(texts, i)
		}
	}
	most := min(rowsAByte*size, mostMemory/int64(row.Size()))
	reader := parquet.NewGenericReader[T](records)
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		from := len(rows)
		rows = slices.Grow(rows, rowsAtOnce)[:from+rowsAtOnce]
		n, err := reader.Read(rows[from:])
		rows = rows[:from+n]
		if int64(len(rows)) > most {
			return nil, fmt.Errorf("the file is damaged: more than %d records in %d bytes", most, size)
		}
		for i := range rows[from:] {
			v := reflect.ValueOf(&rows[from+i]).Elem()
			for _, field := range texts {
				if v.Field(field).Len() > longestText {
					return nil, fmt.Errorf("the file is damaged: a text of %d bytes in record %d", v.Field(field).Len(), from+i)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
