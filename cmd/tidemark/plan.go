package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"time"

	"tidemark/base/problem"
	"tidemark/control/pipeline"
	"tidemark/plan/bind"
	"tidemark/serve/httpapi"
)

// exitChanges is what plan ends with when there is something to do.
const exitChanges = 2

// projectClient sends a project to a server.
type projectClient struct {
	client
	folder, env string
	prune       bool
}

func (o *projectClient) define(f *flag.FlagSet) {
	f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
	f.StringVar(&o.folder, "p", ".", "the project's folder")
	f.StringVar(&o.env, "env", "", "environment whose vars hold (default dev, if there is one)")
	f.BoolVar(&o.prune, "prune", false, "drop what the server has and the project has not")
	f.BoolVar(&o.json, "json", false, "print the server's answer as JSON")
}

func planCommand() *command {
	var o projectClient
	return &command{
		name:  "plan",
		short: "what the applying of a project to a running server would do",
		usage: `
Usage: tidemark plan [-p DIR] [--env NAME] [--url URL] [--prune] [--json]

Compares a project with what a running server has: what is new, changed, to be built
again because of what it reads, or not in the project; and what has to be read again
of the event log for that. Nothing is changed.

Exit codes: 0 there is nothing to do, 2 there are changes (or wrong usage), 1 the
project is wrong.

Examples:
  tidemark plan -p examples/ads/project
  tidemark plan --env prod --json`,
		flags: o.define,
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			return o.plan(ctx, c)
		},
	}
}

// plan prints what would be done, and ends with exitChanges when that is something.
func (o *projectClient) plan(ctx context.Context, c *console) error {
	plan, err := o.send(ctx, c, "plan")
	if err == nil && plan.Changes {
		return errReported{exitChanges}
	}
	return err
}

// send sends the project, and prints the plan that is the answer.
func (o *projectClient) send(ctx context.Context, c *console, what string) (plan httpapi.ProjectPlan, err error) {
	archive, err := packProject(ctx, os.DirFS(o.folder), o.env)
	if err != nil {
		return plan, err
	}
	query := url.Values{}
	if o.env != "" {
		query.Set("env", o.env)
	}
	if o.prune {
		query.Set("prune", "true")
	}
	body, err := o.call(ctx, http.MethodPost, "/api/v1/project/"+what+"?"+query.Encode(), bytes.NewReader(archive))
	if err != nil {
		return plan, err
	}
	if err := json.Unmarshal(body, &plan); err != nil {
		return plan, fmt.Errorf("read the server's answer: %w", err)
	}
	if o.json {
		return plan, o.print(c, body)
	}
	printPlan(c.out, plan)
	return plan, nil
}

// packProject checks a project and puts the files that it is made of into an archive.
func packProject(ctx context.Context, folder fs.FS, env string) ([]byte, error) {
	read := &filesRead{FS: folder, content: map[string][]byte{}}
	project, err := pipeline.ReadProject(read, env)
	if err != nil {
		return nil, err
	}
	if wrong := project.Check(ctx, bind.Session{Zone: time.UTC, Now: time.Now()}); len(wrong) > 0 {
		return nil, wrong
	}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range read.names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = f.Write(read.content[name])
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack the project: %w", err)
	}
	return archive.Bytes(), nil
}

// filesRead notes which files of a folder are read, and what is in them.
type filesRead struct {
	fs.FS
	names   []string
	content map[string][]byte
}

// ReadFile reads a file.
func (r *filesRead) ReadFile(name string) ([]byte, error) {
	content, err := fs.ReadFile(r.FS, name)
	if _, known := r.content[name]; err == nil && !known {
		r.names = append(r.names, name)
		r.content[name] = content
	}
	return content, err
}

// actionSigns stand before what is done to a definition.
var actionSigns = map[string]string{
	string(pipeline.Create): "+", string(pipeline.Change): "~", string(pipeline.Rebuild): "~", string(pipeline.Drop): "-", string(pipeline.Unasked): "?",
}

func printPlan(out io.Writer, p httpapi.ProjectPlan) {
	count := map[string]int{}
	for _, s := range p.Steps {
		count[s.Action]++
		place := ""
		if s.Position != nil {
			place = "  (" + problem.Position(*s.Position).String() + ")"
		}
		fmt.Fprintf(out, "%s %s %s %s%s\n", actionSigns[s.Action], s.Action, s.Kind, s.Name, place)
		if s.Because != "" {
			fmt.Fprintf(out, "    because %s\n", s.Because)
		}
		for _, r := range s.Reads {
			if r.Events == nil {
				from := "where its options say"
				if r.GoesOn {
					from = "behind the state that is kept"
				}
				fmt.Fprintf(out, "    reads %s, which is of another system, from %s\n", r.Table, from)
				continue
			}
			from := ""
			if r.GoesOn {
				from = ", behind the state that is kept"
			}
			fmt.Fprintf(out, "    reads %d events of %s, %s%s\n", *r.Events, r.Table, bytesText(*r.Bytes), from)
		}
		if s.Millis > 0 {
			fmt.Fprintf(out, "    takes about %s\n", (time.Duration(s.Millis) * time.Millisecond).Round(100*time.Millisecond))
		}
		for _, o := range s.Operators {
			if o.Kept {
				fmt.Fprintf(out, "    state of %s is kept\n", o.Operator)
				continue
			}
			changed := "changed"
			if o.Unchanged {
				changed = "the same"
			}
			fmt.Fprintf(out, "    state of %s (%s) is made anew: %s\n", o.Operator, changed, o.Replays)
		}
		for _, w := range s.Warnings {
			fmt.Fprintf(out, "    warning: %s\n", w)
		}
	}
	fmt.Fprintf(out, "%d to create, %d to change, %d to rebuild, %d to drop; %d unchanged, %d not in the project\n",
		count[string(pipeline.Create)], count[string(pipeline.Change)], count[string(pipeline.Rebuild)], count[string(pipeline.Drop)], p.Unchanged, count[string(pipeline.Unasked)])
}

// bytesText is a number of bytes as people say it.
func bytesText(n int64) string {
	const step = 1024
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	size, unit := float64(n), 0
	for size >= step && unit < len(units)-1 {
		size, unit = size/step, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
