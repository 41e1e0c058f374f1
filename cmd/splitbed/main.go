// Command splitbed builds a network-emulation testbed for split deep learning, runs a real split CNN
// over it and says whether a schedule keeps its deadline.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/splitbed/splitbed/testbed"
)

// version is set by the linker.
var version = "devel"

// The exit codes of `splitbed run`; other commands use the first three.
const (
	exitKept     = 0
	exitFailure  = 1
	exitInput    = 2
	exitViolated = 3
	exitInvalid  = 4
)

func main() {
	// A lost terminal is an interruption, too, and a closed pipe an error of writing, not the end of the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// A second Ctrl-C ends the process at once; `splitbed clean` then removes what is left.
	context.AfterFunc(ctx, stop)
	app := newApp()
	os.Exit(exitCode(app.RunContext(ctx, optionsFirst(app, os.Args))))
}

func newApp() *cli.App {
	app := &cli.App{
		Name:    "splitbed",
		Usage:   "check the schedule of split deep learning at the edge on an emulated network",
		Version: version,
		Commands: []*cli.Command{
			runCommand(),
			simulateCommand(),
			doctorCommand(),
			calibrateCommand(),
			modelCommand(),
			topologyCommand(),
			scheduleCommand(),
			selfTestCommand(),
			sweepCommand(),
			compareCommand(),
			reportCommand(),
			psCommand(),
			execCommand(),
			linkCommand(),
			cleanCommand(),
			nodeCommand(),
			delayLineCommand(),
		},
		HideHelpCommand: true,
		// Errors reach main, which alone chooses the exit code.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Action:         noCommand("splitbed", cli.ShowAppHelp),
	}
	refuseUnknown(app.Name, app.Commands)
	return app
}

// usageError is what becomes of an option the command does not have: an input error in one line.
func usageError(c *cli.Context, err error, _ bool) error {
	return &testbed.InputError{Err: fmt.Errorf("%w; `%s --help` lists the options", err, c.Command.HelpName)}
}

// refuseUnknown gives every command the same handling of options and subcommands; urfave/cli does not hand it down.
func refuseUnknown(parent string, commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 {
			c.Action = noCommand(parent+" "+c.Name, cli.ShowSubcommandHelp)
		}
		refuseUnknown(parent+" "+c.Name, c.Subcommands)
	}
}

// noCommand is what a command does that only has others below it: it refuses what is none of them, or shows them.
func noCommand(name string, help cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if c.NArg() > 0 {
			return &testbed.InputError{Err: fmt.Errorf("no command %q; `%s --help` lists the commands", c.Args().First(), name)}
		}
		return help(c)
	}
}

// verdictError carries the exit code of a run that ended with a verdict other than kept.
type verdictError int

func (e verdictError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitCode prints err, unless it is a verdict, which was printed already, and returns the process's exit code.
func exitCode(err error) int {
	var verdict verdictError
	var input *testbed.InputError
	switch {
	case err == nil:
		return exitKept
	case errors.As(err, &verdict):
		return int(verdict)
	case errors.As(err, &input):
		fmt.Fprintln(os.Stderr, "splitbed:", err)
		return exitInput
	default:
		fmt.Fprintln(os.Stderr, "splitbed:", err)
		return exitFailure
	}
}
