// Command tidemark is the whole program: the server, the tools that work
// without one, and the client of a running one.
//
// It holds no logic of its own beyond wiring: this is the only package that
// knows all others. One file a subcommand.
//
// Exit codes: 0 all is well, 1 the user's error, 2 wrong usage, 3 our fault.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	_ "time/tzdata" // time zones do not depend on the machine

	"tidemark/base/problem"
)

// The exit codes.
const (
	exitOK    = 0
	exitUser  = 1
	exitUsage = 2
	exitOurs  = 3
)

// command is one subcommand.
type command struct {
	name  string
	short string // one line for the list of commands
	usage string // what --help prints: a synopsis, what it does, two examples
	flags func(*flag.FlagSet)
	run   func(ctx context.Context, c *console, args []string) error
}

// console is what a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	terminal bool // err is a terminal: progress may be shown
}

// errUsage marks a call that --help would have helped with.
type errUsage struct{ text string }

func (e errUsage) Error() string { return e.text }

func usagef(format string, args ...any) error { return errUsage{fmt.Sprintf(format, args...)} }

// commands lists the subcommands in the order of the help text.
func commands() []*command {
	return []*command{runCommand(), demoCommand(), execCommand(), sqlCommand(), checkCommand(), planCommand(), applyCommand(), statusCommand(), replayCommand(), savepointCommand(), gapsCommand(), benchCommand(), doctorCommand(), versionCommand()}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	info, err := os.Stderr.Stat()
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
	release := holdHeadroom()
	code := call(ctx, c, os.Args[1:])
	release()
	stop()
	os.Exit(code)
}

// call runs the program with the given arguments and gives its exit code.
func call(ctx context.Context, c *console, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		overview(c.out)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	var names []string
	for _, cmd := range commands() {
		if cmd.name == args[0] {
			return cmd.call(ctx, c, args[1:])
		}
		names = append(names, cmd.name)
	}
	fmt.Fprintf(c.err, "tidemark: there is no command %q\n", args[0])
	if near := problem.Nearest(args[0], names); near != "" {
		fmt.Fprintf(c.err, "Try: tidemark %s\n", near)
	} else {
		fmt.Fprintln(c.err, "Try: tidemark help")
	}
	return exitUsage
}

func overview(w io.Writer) {
	fmt.Fprint(w, "Tidemark turns events into tables, and says of every number how far it is settled.\n\nUsage: tidemark COMMAND [flags]\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", cmd.name, cmd.short)
	}
	fmt.Fprint(w, "\ntidemark COMMAND --help shows a command's flags and examples.\n")
}

func (cmd *command) call(ctx context.Context, c *console, args []string) int {
	flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if cmd.flags != nil {
		cmd.flags(flags)
	}
	rest, err := parseFlags(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(c.out, "%s\n", strings.TrimSpace(cmd.usage))
		fmt.Fprintln(c.out, "\nFlags:")
		flags.SetOutput(c.out)
		flags.PrintDefaults()
		return exitOK
	case err != nil:
		err = usagef("%v", err)
	default:
		err = cmd.run(ctx, c, rest)
	}
	return report(c, cmd.name, err)
}

// parseFlags accepts flags before, between and behind other arguments.
func parseFlags(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) == 0 {
			return rest, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// report prints an error and turns it into an exit code.
func report(c *console, name string, err error) int {
	var usage errUsage
	var quiet errReported
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &quiet):
		return quiet.code
	case errors.As(err, &usage):
		fmt.Fprintf(c.err, "tidemark %s: %s\nTry: tidemark %s --help\n", name, usage.text, name)
		return exitUsage
	}
	code := exitUser
	for _, p := range problem.All(err) {
		printProblem(c.err, p, err)
		if !p.Code.User() {
			code = exitOurs
		}
	}
	return code
}

// errReported says that everything has been printed already.
type errReported struct{ code int }

func (e errReported) Error() string { return fmt.Sprintf("exit %d", e.code) }

// printProblem prints one problem: where, what, and what to do. An internal one
// keeps the whole chain of what was being done.
func printProblem(w io.Writer, p *problem.Problem, whole error) {
	place := p.Position.String()
	if place != "" {
		place += ": "
	}
	message := p.Message
	if p.Code == problem.Internal {
		message = whole.Error()
	}
	fmt.Fprintf(w, "%s%s [%s]\n", place, message, p.Code)
	if p.Hint != "" {
		fmt.Fprintf(w, "  Try: %s\n", p.Hint)
	}
}
