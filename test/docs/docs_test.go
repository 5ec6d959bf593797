// Package docs runs what the documents show, and looks whether what they name
// exists.
//
// A block marked console is a session: its lines that begin with $ are run, and
// the program must print the rest. A block marked sh is for the reader's own
// shell: only its make targets, commands, flags and addresses are looked up.
package docs

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// binary is the built program's folder.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "tidemark-docs-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "tidemark"), "tidemark/cmd/tidemark")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build the program: %v\n%s", err, out))
		}
		binary = dir
		return m.Run()
	}())
}

// block is what stands between two fences of a document.
type block struct {
	document string
	line     int
	language string
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.document, b.line) }

// documents lists the Markdown files that users read.
func documents(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "README.zh-CN.md", "ARCHITECTURE.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			relative, err := filepath.Rel(root, path)
			all = append(all, filepath.ToSlash(relative))
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func blocks(t *testing.T, document string) []block {
	t.Helper()
	var all []block
	open := false
	for i, line := range strings.Split(read(t, document), "\n") {
		switch fence := strings.HasPrefix(line, "```"); {
		case fence && !open:
			all = append(all, block{document: document, line: i + 1, language: strings.TrimPrefix(line, "```")})
			open = true
		case fence:
			open = false
		case open:
			all[len(all)-1].text += line + "\n"
		}
	}
	if open {
		t.Errorf("%s: the last block is not closed", document)
	}
	return all
}

func TestSessionsPrintWhatTheyShow(t *testing.T) {
	ran := 0
	for _, document := range documents(t) {
		for _, b := range blocks(t, document) {
			if b.language != "console" {
				continue
			}
			for _, part := range strings.Split("\n"+b.text, "\n$ ")[1:] {
				command, want, _ := strings.Cut(strings.TrimSuffix(part, "\n")+"\n", "\n")
				ran++
				if diff := cmp.Diff(want, shell(command)); diff != "" {
					t.Errorf("%s: %s\n%s", b, command, diff)
				}
			}
		}
	}
	if ran == 0 {
		t.Error("no document shows a session: has the mark of the blocks changed?")
	}
}

// shell gives all that a command prints, however it ends: that is what a reader
// sees.
func shell(command string) string {
	c := exec.Command("sh", "-c", command)
	c.Dir = root
	c.Env = append(os.Environ(), "PATH="+binary+string(filepath.ListSeparator)+os.Getenv("PATH"))
	out, _ := c.CombinedOutput()
	return string(out)
}

var (
	comment     = regexp.MustCompile(`(?m)\s+#.*$`)
	targetNamed = regexp.MustCompile(`\bmake ([a-z-]+)\b`)
	called      = regexp.MustCompile(`(?:^|[^\w/.-])(?:bin/)?tidemark ([a-z]+)((?: [^\x60|;#]+)?)`)
	flagNamed   = regexp.MustCompile(`(?:^| )--?([a-z][a-z-]*)`)
	address     = regexp.MustCompile(`localhost:\d+(/[^\s'"?]*)`)
	inline      = regexp.MustCompile("`([^`\n]+)`")
)

// TestCommandsExist looks up what blocks marked sh, and the running text, tell
// the reader to type.
func TestCommandsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	targets, commands, addresses := 0, 0, 0
	for _, document := range documents(t) {
		texts := map[string]string{}
		for _, b := range blocks(t, document) {
			if b.language == "sh" || b.language == "console" {
				texts[b.String()] = comment.ReplaceAllString(b.text, "")
			}
		}
		for _, m := range inline.FindAllStringSubmatch(read(t, document), -1) {
			if strings.HasPrefix(m[1], "make ") || strings.HasPrefix(m[1], "tidemark ") {
				texts[document+": "+m[1]] = m[1]
			}
		}
		for place, text := range texts {
			for _, m := range targetNamed.FindAllStringSubmatch(text, -1) {
				targets++
				if !strings.Contains(makefile, "\n"+m[1]+":") {
					t.Errorf("%s: the Makefile has no target %s", place, m[1])
				}
			}
			for _, line := range strings.Split(text, "\n") {
				for _, m := range called.FindAllStringSubmatch(line, -1) {
					commands++
					checkCommand(t, place, m[1], m[2])
				}
			}
			for _, m := range address.FindAllStringSubmatch(text, -1) {
				addresses++
				checkAddress(t, place, m[1])
			}
		}
	}
	if targets == 0 || commands == 0 || addresses == 0 {
		t.Errorf("the documents name %d make targets, %d commands and %d addresses: does this test still recognize them?", targets, commands, addresses)
	}
}

// quoted are arguments in quotes, which hold no flags of ours.
var quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)

func checkCommand(t *testing.T, place, name, arguments string) {
	t.Helper()
	help, err := exec.Command(filepath.Join(binary, "tidemark"), name, "--help").Output()
	if err != nil {
		t.Errorf("%s: there is no command tidemark %s", place, name)
		return
	}
	for _, m := range flagNamed.FindAllStringSubmatch(quoted.ReplaceAllString(arguments, ""), -1) {
		if !bytes.Contains(help, []byte("\n  -"+m[1]+"\n")) && !bytes.Contains(help, []byte("\n  -"+m[1]+" ")) {
			t.Errorf("%s: tidemark %s has no flag %s", place, name, m[1])
		}
	}
}

// route is a line of the API's table of routes.
var route = regexp.MustCompile(`"(/(?:api/v1/[a-z]+[^"\s]*|healthz|readyz|metrics|openapi\.json))"`)

// checkAddress demands that the API has the path, with any name in place of a
// parameter.
func checkAddress(t *testing.T, place, path string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(root, "serve/httpapi/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(sources, func(source string) bool {
		if strings.HasSuffix(source, "_test.go") {
			return false
		}
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(route.FindAllSubmatch(text, -1), func(m [][]byte) bool {
			pattern := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(string(m[1])), `[^/]+`)
			return regexp.MustCompile("^" + pattern + "$").MatchString(path)
		})
	})
	if !found {
		t.Errorf("%s: the API has no path %s", place, path)
	}
}

// TestBothReadmesShowTheSame compares the blocks of the two languages; comments
// are translated.
func TestBothReadmesShowTheSame(t *testing.T) {
	var shown [2][]string
	for i, document := range []string{"README.md", "README.zh-CN.md"} {
		for _, b := range blocks(t, document) {
			shown[i] = append(shown[i], b.language+"\n"+comment.ReplaceAllString(b.text, ""))
		}
	}
	if diff := cmp.Diff(shown[0], shown[1]); diff != "" {
		t.Error(diff)
	}
}

// link is a relative link to a file of the repository.
var link = regexp.MustCompile(`\]\(([^)#\s:]+)(?:#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s: the link %s leads nowhere", document, m[1])
			}
		}
	}
}
