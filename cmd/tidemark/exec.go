package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/target/embedded"
	"tidemark/target/flink"
)

// execOptions are the flags of exec.
type execOptions struct {
	file, text, mode, format, metrics, data string
	target, gateway                         string
	parallelism, batchRows                  int
	vars                                    variables
}

// variables collects --var NAME=VALUE.
type variables map[string]string

func (v variables) String() string { return "" }

func (v variables) Set(text string) error {
	name, val, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	v[name] = val
	return nil
}

func execCommand() *command {
	o := execOptions{vars: variables{}}
	return &command{
		name:  "exec",
		short: "run a bounded SQL script to its end, without a server",
		usage: `
Usage: tidemark exec -f FILE.sql | -e SQL [flags]

Runs the statements of a script one after the other and exits. SELECT prints its
rows: the final ones in batch mode, the changelog in streaming mode (column op).
With --target flink --gateway URL the same script runs on a Flink, through its
SQL gateway; what Flink cannot run is refused before anything is submitted.

Examples:
  tidemark exec -e "SELECT 1 + 1 AS two" --mode batch
  tidemark exec -f daily.sql --var DIR=./data --format csv`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.file, "f", "", "file with the script; - reads standard input")
			f.StringVar(&o.text, "e", "", "the script itself")
			f.Var(o.vars, "var", "NAME=VALUE: what ${NAME} stands for (repeatable)")
			f.StringVar(&o.mode, "mode", "streaming", "streaming or batch")
			f.StringVar(&o.format, "format", "table", "table, csv, json or rows")
			f.StringVar(&o.target, "target", targetEmbedded, "where the script runs: embedded or flink")
			f.StringVar(&o.gateway, "gateway", "http://127.0.0.1:8083", "the SQL gateway of --target flink")
			f.StringVar(&o.metrics, "metrics", "", "write what the run cost to this file, as JSON")
			f.StringVar(&o.data, "data", "", "keep native tables in this folder (default: a temporary one)")
			f.IntVar(&o.parallelism, "parallelism", 1, "workers per stage")
			f.IntVar(&o.batchRows, "batch-rows", 0, "most rows that are worked on at once (default: the engine's choice)")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			return o.run(ctx, c)
		},
	}
}

func (o *execOptions) script(c *console) (name, text string, err error) {
	switch {
	case (o.file == "") == (o.text == ""):
		return "", "", usagef("give the script with -f or with -e")
	case o.text != "":
		return "", o.text, nil
	case o.file == "-":
		content, err := io.ReadAll(c.in)
		return "", string(content), err
	}
	content, err := vfs.ReadFile(vfs.OS(), o.file)
	if err != nil {
		return "", "", problem.New(problem.NotFound, "cannot read %s: %v", o.file, err).WithHint("name an existing file with -f")
	}
	return o.file, string(content), nil
}

// The targets of a script.
const (
	targetEmbedded = "embedded"
	targetFlink    = "flink"
)

// check looks at flags that do not go together.
func (o *execOptions) check() error {
	switch {
	case o.mode != "streaming" && o.mode != "batch":
		return usagef("--mode is %q, not streaming or batch", o.mode)
	case o.target == targetEmbedded:
		return nil
	case o.target != targetFlink:
		return usagef("--target is %q, not embedded or flink", o.target)
	case o.format != "table" && o.format != "rows":
		return usagef("--target flink has texts only: --format is table or rows")
	case o.data != "" || o.batchRows != 0:
		return usagef("--data and --batch-rows are for --target embedded")
	}
	return nil
}

// executor runs the statements of a script, wherever that is.
type executor interface {
	// execute runs one statement to its end and hands its answer to the writer.
	execute(ctx context.Context, s sql.Statement, w *rowWriter) error
	// expiredKeys is how many keys the statements asked for after their state had
	// expired, at least; nil when that is not known.
	expiredKeys() *int64
	// costs is what the jobs of the statements cost; nil when that is not known.
	costs() []embedded.JobCost
	close()
}

func (o *execOptions) run(ctx context.Context, c *console) error {
	if err := o.check(); err != nil {
		return err
	}
	name, text, err := o.script(c)
	if err != nil {
		return err
	}
	substituted, warnings := parse.Substitute(name, text, o.vars)
	for _, w := range warnings {
		printProblem(c.err, w, w)
	}
	statements, wrong := parse.Script(name, substituted.Text)
	for _, p := range wrong {
		p.Position = substituted.Original(p.Position)
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	writer, err := newRowWriter(c.out, o.format, o.mode == "streaming")
	if err != nil {
		return err
	}
	begin := time.Now()
	on, err := o.open(ctx, c, statements)
	if err != nil {
		return o.located(name, substituted, err, nil)
	}
	defer on.close()
	for _, s := range statements {
		err := on.execute(ctx, s, writer)
		if flushErr := writer.end(); err == nil {
			err = flushErr
		}
		if err != nil {
			return o.located(name, substituted, err, s)
		}
	}
	return o.writeMetrics(time.Since(begin), on)
}

// open makes what the statements will run on.
func (o *execOptions) open(ctx context.Context, c *console, statements []sql.Statement) (executor, error) {
	if o.target == targetFlink {
		if err := flink.Check(statements); err != nil {
			return nil, err
		}
		session, err := flink.Open(ctx, flink.Options{Gateway: o.gateway, Streaming: o.mode == "streaming", Parallelism: o.parallelism})
		if err != nil {
			return nil, err
		}
		return flinkExecutor{session}, nil
	}
	data, remove, err := o.dataFolder()
	if err != nil {
		return nil, err
	}
	session := embedded.NewSession(embedded.SessionOptions{
		Streaming: o.mode == "streaming", Parallelism: o.parallelism, Data: data, Files: vfs.OS(), BatchRows: o.batchRows,
		Stdout: func(line []byte) { _, _ = c.out.Write(line) },
	})
	return embeddedExecutor{session, remove}, nil
}

// flinkExecutor runs statements on a Flink.
type flinkExecutor struct{ session *flink.Session }

func (e flinkExecutor) execute(ctx context.Context, s sql.Statement, w *rowWriter) error {
	return e.session.Execute(ctx, s, flink.Results{Start: w.start, Rows: w.rows})
}

func (e flinkExecutor) expiredKeys() *int64 { return nil }

func (e flinkExecutor) costs() []embedded.JobCost { return nil }

func (e flinkExecutor) close() { _ = e.session.Close() } // an idle session ends by itself

// embeddedExecutor runs statements in this process.
type embeddedExecutor struct {
	session *embedded.Session
	remove  func() // of its folder, if that is temporary
}

func (e embeddedExecutor) execute(ctx context.Context, s sql.Statement, w *rowWriter) error {
	return e.session.Execute(ctx, s, w.results(e.session))
}

func (e embeddedExecutor) expiredKeys() *int64 {
	keys := e.session.ExpiredKeys()
	return &keys
}

func (e embeddedExecutor) costs() []embedded.JobCost { return e.session.Costs() }

func (e embeddedExecutor) close() {
	_ = e.session.Close() // the folder is temporary, or its log was synced
	e.remove()
}

// located gives problems their place in the text that the user wrote; those
// without one get that of the statement, if it is known.
func (o *execOptions) located(name string, s parse.Substitution, err error, statement sql.Statement) error {
	all := problem.All(err)
	placed := make(problem.List, len(all))
	for i, p := range all {
		copied := *p
		if copied.Position.IsZero() && statement != nil {
			copied.Position = statement.Pos()
		}
		copied.Position = s.Original(copied.Position)
		copied.Position.File = name
		if copied.Code == problem.Internal {
			copied.Message = err.Error()
		}
		placed[i] = &copied
	}
	return placed
}

// dataFolder is where native tables of the script live, and how to clean up.
func (o *execOptions) dataFolder() (string, func(), error) {
	if o.data != "" {
		return o.data, func() {}, nil
	}
	dir, err := vfs.TemporaryDir("tidemark-exec-")
	if err != nil {
		return "", nil, fmt.Errorf("make temporary folder: %w", err)
	}
	return dir, func() { _ = vfs.RemoveTree(vfs.OS(), dir) }, nil
}
