package spec

import "github.com/goccy/go-yaml"

// Encode writes a value as YAML that Decode reads back into an equal one. A type that implements Unmarshaler
// and isn't written as it stands implements the library's InterfaceMarshaler.
func Encode(v any) ([]byte, error) {
	return yaml.MarshalWithOptions(v, yaml.IndentSequence(true))
}
