package results

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"github.com/splitbed/splitbed/internal/atomicfile"
)

// Column is a column of a table whose columns are known at run time only. Values is a []string, []int64 or []float64.
type Column struct {
	Name   string
	Values any
}

// WriteColumns writes columns of equal length as a Parquet file, whole or not at all.
func WriteColumns(path string, columns []Column) error {
	fields := make([]reflect.StructField, len(columns))
	rows := 0
	for i, c := range columns {
		values := reflect.ValueOf(c.Values)
		if rows = values.Len(); rows != reflect.ValueOf(columns[0].Values).Len() {
			return fmt.Errorf("write %s: column %s has %d values, %s has %d", path, c.Name, rows,
				columns[0].Name, reflect.ValueOf(columns[0].Values).Len())
		}
		encoding := ""
		if values.Type().Elem().Kind() == reflect.String {
			encoding = ",dict"
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("F%d", i), Type: values.Type().Elem(),
			Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", c.Name+encoding)),
		}
	}
	row := reflect.New(reflect.StructOf(fields)).Elem()
	return atomicfile.Write(path, func(w io.Writer) error {
		out := parquet.NewGenericWriter[any](w, parquet.SchemaOf(row.Interface()), parquet.Compression(&parquet.Zstd))
		for r := range rows {
			for i, c := range columns {
				row.Field(i).Set(reflect.ValueOf(c.Values).Index(r))
			}
			if _, err := out.Write([]any{row.Interface()}); err != nil {
				return err
			}
		}
		return out.Close()
	})
}
