package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"time"

	"tidemark/base/problem"
	"tidemark/control/pipeline"
	"tidemark/plan/bind"
)

func checkCommand() *command {
	var folder, env string
	var asJSON bool
	return &command{
		name:  "check",
		short: "find everything that is wrong with a project",
		usage: `
Usage: tidemark check [-p DIR] [--env NAME] [--json]

Parses, binds and type-checks all definitions of a project, and prints every
problem as file:line:column: message. Nothing is started or changed.

Examples:
  tidemark check -p examples/ads/project
  tidemark check -p . --env prod --json`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&folder, "p", ".", "the project's folder")
			f.StringVar(&env, "env", "", "environment whose vars hold (default dev, if there is one)")
			f.BoolVar(&asJSON, "json", false, "print JSON")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			return check(ctx, c, os.DirFS(folder), env, asJSON)
		},
	}
}

func check(ctx context.Context, c *console, folder fs.FS, env string, asJSON bool) error {
	project, err := pipeline.ReadProject(folder, env)
	if err != nil {
		return err
	}
	wrong := project.Check(ctx, bind.Session{Zone: time.UTC, Now: time.Now()})
	if asJSON {
		if wrong == nil {
			wrong = problem.List{}
		}
		if err := json.NewEncoder(c.out).Encode(wrong); err != nil {
			return err
		}
	} else {
		for _, p := range wrong {
			printProblem(c.out, p, p)
		}
		fmt.Fprintf(c.out, "%d files, %d problems\n", len(project.Sources), len(wrong))
	}
	if len(wrong) > 0 {
		return errReported{exitUser}
	}
	return nil
}
