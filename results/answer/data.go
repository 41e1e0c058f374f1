package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/splitbed/splitbed/internal/atomicfile"
)

// The data behind the page, below the directory of documents.
const (
	dataDir     = "verdict"
	runsFile    = "runs.csv"
	streamsFile = "streams.csv"
)

func writeData(dir string, runs []runRow, streams []streamRow) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeCSV(filepath.Join(dir, runsFile), runs); err != nil {
		return err
	}
	return writeCSV(filepath.Join(dir, streamsFile), streams)
}

func readData(dir string) (runs []runRow, streams []streamRow, err error) {
	if runs, err = readCSV[runRow](filepath.Join(dir, runsFile)); err != nil {
		return nil, nil, err
	}
	streams, err = readCSV[streamRow](filepath.Join(dir, streamsFile))
	return runs, streams, err
}

// fields are the fields of a row in order, those of embedded structs in their place.
func fields(t reflect.Type) []reflect.StructField {
	var out []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			out = append(out, f)
		}
	}
	return out
}

// writeCSV writes rows with their fields' names at the head. Numbers have six digits.
func writeCSV[T any](path string, rows []T) error {
	columns := fields(reflect.TypeFor[T]())
	lines := make([][]string, 1+len(rows))
	for _, c := range columns {
		lines[0] = append(lines[0], c.Name)
	}
	for i, row := range rows {
		for _, c := range columns {
			v := reflect.ValueOf(row).FieldByIndex(c.Index)
			text := fmt.Sprint(v)
			if v.Kind() == reflect.Float64 {
				text = strconv.FormatFloat(v.Float(), 'g', 6, 64)
			}
			lines[1+i] = append(lines[1+i], text)
		}
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(lines); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.WriteBytes(path, out.Bytes())
}

// readCSV reads what writeCSV wrote.
func readCSV[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	columns := fields(reflect.TypeFor[T]())
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	if want := strings.Join(names, ","); len(lines) == 0 || strings.Join(lines[0], ",") != want {
		return nil, fmt.Errorf("read %s: its head is not %s", path, want)
	}
	rows := make([]T, len(lines)-1)
	for i, line := range lines[1:] {
		for n, c := range columns {
			if err := set(reflect.ValueOf(&rows[i]).Elem().FieldByIndex(c.Index), line[n]); err != nil {
				return nil, fmt.Errorf("read %s: line %d: %s: %w", path, i+2, c.Name, err)
			}
		}
	}
	return rows, nil
}

func set(v reflect.Value, text string) error {
	switch v.Kind() {
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		v.SetFloat(x)
		return err
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
		return err
	default:
		v.SetString(text)
		return nil
	}
}
