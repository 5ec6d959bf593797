package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"tidemark/control/pipeline"
)

func (o *serverOptions) define(f *flag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address for the API and the page")
	f.StringVar(&o.data, "data", "tidemark-data", "folder that everything is kept in")
	f.IntVar(&o.parallelism, "parallelism", 0, "workers per job (default: the number of cores)")
	f.StringVar(&o.stateMemory, "state-memory", "", "state that a job may hold in memory, such as 512MB (default: 4GB)")
	f.DurationVar(&o.keepPrevious, "keep-previous", keepPreviousFor, "how long a changed table can be rolled back; until then it holds the events that would be read")
	o.kafka.define(f)
	f.StringVar(&o.logFormat, "log", "text", "log lines as text or json")
}

func runCommand() *command {
	var o serverOptions
	var folder, env string
	return &command{
		name:  "run",
		short: "run the server: jobs, API and page",
		usage: `
Usage: tidemark run [-p PROJECT_DIR] [--listen HOST:PORT] [--data DIR] [--kafka-listen HOST:PORT]

Applies the project, runs its jobs, and serves the API and the page until it is
interrupted. The next start goes on where this one stopped, however it stopped.

Examples:
  tidemark run
  tidemark run -p examples/ads/project --data /var/lib/tidemark`,
		flags: func(f *flag.FlagSet) {
			o.define(f)
			f.StringVar(&folder, "p", "", "folder of a project to apply")
			f.StringVar(&env, "env", "", "environment of the project")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			var project *pipeline.Project
			if folder != "" {
				var err error
				if project, err = pipeline.ReadProject(os.DirFS(folder), env); err != nil {
					return err
				}
			}
			s, err := startServer(ctx, c, o, project)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "Tidemark is at %s (data in %s). Ctrl-C stops it.\n", s.url(), o.data)
			if s.kafka.listener != nil {
				fmt.Fprintf(c.out, "Kafka clients reach its native tables at %s.\n", s.kafka.listener.Addr())
			}
			<-ctx.Done()
			fmt.Fprintln(c.out, "Stopping …")
			s.close()
			return nil
		},
	}
}
