package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/internal/spec"
	"github.com/splitbed/splitbed/testbed"
)

// optionsFirst moves the options of a command line before the command's arguments, the only place where urfave/cli looks for them.
// What follows "--" stays where it is, as does everything of a command without options, such as exec, which takes another command line.
func optionsFirst(app *cli.App, line []string) []string {
	var command *cli.Command
	at := min(1, len(line))
	for commands := app.Commands; at < len(line); at++ {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(line[at]) })
		if i < 0 {
			break
		}
		command = commands[i]
		commands = command.Subcommands
	}
	if command == nil || len(command.Flags) == 0 {
		return line
	}
	var options, arguments []string
	for words := line[at:]; len(words) > 0; {
		n := 1
		switch word := words[0]; {
		case word == "--":
			n = len(words)
			arguments = append(arguments, words...)
		case len(word) < 2 || word[0] != '-':
			arguments = append(arguments, word)
		default:
			if takesValue(command, word) {
				n = min(2, len(words))
			}
			options = append(options, words[:n]...)
		}
		words = words[n:]
	}
	return slices.Concat(line[:at], options, arguments)
}

// takesValue tells whether the value of an option is the next word.
func takesValue(c *cli.Command, option string) bool {
	name := strings.TrimLeft(option, "-")
	for _, flag := range c.Flags {
		if _, alone := flag.(*cli.BoolFlag); !alone && slices.Contains(flag.Names(), name) {
			return true
		}
	}
	return false
}

// setBy names the options that give keys of an experiment another value.
var setBy = map[string][]string{
	"emulation.runtime": {"runtime"}, "emulation.dilation": {"dilation"}, "emulation.duration": {"duration"}, "emulation.sharing": {"sharing"},
	"emulation.capture": {"capture"}, "scheduler.algorithm": {"scheduler", "algorithm"}, "scheduler.margin": {"margin"},
	"scheduler.overheads": {"overheads"},
}

// optionError is an error of an experiment, but where an option has set the value that is wrong it names the option and not the
// file, which has another value there.
func optionError(c *cli.Context, err error) error {
	var wrong *spec.Error
	if !errors.As(err, &wrong) {
		return err
	}
	key, _, _ := strings.Cut(wrong.Key, "[")
	for _, option := range setBy[key] {
		if c.IsSet(option) {
			return &testbed.InputError{Err: fmt.Errorf("--%s: %w", option, &spec.Error{Problem: wrong.Problem, Allowed: wrong.Allowed, Err: wrong.Err})}
		}
	}
	return err
}

// argument returns the one positional argument of a command.
func argument(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 {
		return "", &testbed.InputError{Err: fmt.Errorf("`%s %s` takes one %s, got %d arguments", c.Command.HelpName, c.Command.ArgsUsage, what, c.NArg())}
	}
	return c.Args().First(), nil
}
