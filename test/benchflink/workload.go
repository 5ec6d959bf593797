package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tidemark/examples/nexmark"
	"tidemark/examples/ysb"
)

const (
	seed        = 1
	blockEvents = 5_000
)

// workload is a query and the files that it reads.
type workload struct {
	name   string
	script string // its last statement is the query
	files  map[string]string
}

// leftOut are the queries that Flink refuses or takes too long for, and those that
// stand twice.
var leftOut = map[string]bool{
	"q6":         true, // OVER on an updating input
	"q11_group":  true, // q11 again
	"q13_lookup": true, // Flink's filesystem connector cannot be looked up in
	"p3":         true, // a thousand seconds for a million events
}

// writeWorkloads writes the events and lists the queries over them.
func writeWorkloads(dir string, events int64) ([]workload, error) {
	files := map[string]string{"IN": filepath.Join(dir, "nexmark.json"), "SIDE": filepath.Join(dir, "side.csv")}
	if err := os.WriteFile(files["SIDE"], nexmark.AppendSideInput(nil), 0o644); err != nil {
		return nil, err
	}
	if err := writeEvents(files["IN"], events, nexmark.New(seed).AppendEvents); err != nil {
		return nil, err
	}
	views := filepath.Join(dir, "ysb.json")
	if err := writeEvents(views, events, ysb.New(seed).AppendEvents); err != nil {
		return nil, err
	}
	all := []workload{{
		name:   "YSB",
		script: ysb.Table + " WITH ('connector' = 'filesystem', 'path' = '${IN}', 'format' = 'json');\n" + ysb.Query,
		files:  map[string]string{"IN": views},
	}}
	for _, q := range nexmark.Queries {
		if !leftOut[q.Name] {
			all = append(all, workload{name: q.Name, script: q.Script(), files: files})
		}
	}
	return all, nil
}

func writeEvents(path string, events int64, appendEvents func(to []byte, from, until int64) []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	var lines []byte
	for from := int64(0); from < events; from += blockEvents {
		lines = appendEvents(lines[:0], from, min(from+blockEvents, events))
		if _, err := out.Write(lines); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// column is one of a query's result.
type column struct{ name, kind string }

// intoBlackhole is the script with its query's rows going nowhere. Columns are
// those of the query's result.
func intoBlackhole(script string, columns []column) string {
	text := strings.TrimRight(strings.TrimSpace(script), "; \n")
	at := lastStatement(text)
	var sink strings.Builder
	for i, c := range columns {
		if i > 0 {
			sink.WriteString(", ")
		}
		kind, _, _ := strings.Cut(c.kind, " *") // *ROWTIME* is no type
		fmt.Fprintf(&sink, "`c%d` %s", i, kind)
	}
	return text[:at] + "\nCREATE TEMPORARY TABLE nowhere (" + sink.String() + ") WITH ('connector' = 'blackhole');\nINSERT INTO nowhere " + text[at:] + ";\n"
}

// lastStatement is where the last statement of a script begins, behind its
// comments. These scripts hold no semicolon inside a text.
func lastStatement(script string) int {
	at := strings.LastIndexByte(script, ';') + 1
	for {
		rest := strings.TrimLeft(script[at:], " \n")
		at = len(script) - len(rest)
		if !strings.HasPrefix(rest, "--") {
			return at
		}
		at += strings.IndexByte(rest, '\n')
	}
}
