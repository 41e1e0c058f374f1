package spec

const (
	maxName      = 40
	allowedNames = "up to 40 letters, digits, - and _, the first a letter or digit"
)

// CheckName refuses a name that cannot become part of the name of a namespace, a cgroup, a container and a row of
// a table.
func (c Cursor) CheckName(name string) error {
	if name == "" {
		return c.Errorf(allowedNames, "is missing")
	}
	good := len(name) <= maxName
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		good = good && (letter || i > 0 && (r == '-' || r == '_'))
	}
	if !good {
		return c.Errorf(allowedNames, "%q cannot be a name", Clip(name))
	}
	return nil
}

// Unique refuses the second use of a name.
type Unique map[string]string

// Add notes that the name at c is used for one thing ("an edge").
func (u Unique) Add(c Cursor, name, what string) error {
	if before, taken := u[name]; taken {
		return c.Errorf("", "%q is already the name of %s", Clip(name), before)
	}
	u[name] = what
	return nil
}
