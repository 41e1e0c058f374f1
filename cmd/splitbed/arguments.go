package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

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

// argument returns the one positional argument of a command.
func argument(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 {
		return "", &testbed.InputError{Err: fmt.Errorf("`%s %s` takes one %s, got %d arguments", c.Command.HelpName, c.Command.ArgsUsage, what, c.NArg())}
	}
	return c.Args().First(), nil
}
