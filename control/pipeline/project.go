package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"

	"tidemark/base/problem"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// Limits of a project.
const (
	filesMax     = 10_000
	fileBytesMax = 1 << 20
	projectFile  = "tidemark.yaml"
)

// Project is a folder of definitions.
type Project struct {
	Name    string
	Target  string
	Vars    map[string]string // of the chosen environment
	Sources []Source          // its .sql files, by path
}

// Source is one file.
type Source struct {
	Path string
	Text string
}

// projectYAML is tidemark.yaml.
type projectYAML struct {
	Name         string                 `yaml:"name"`
	Target       string                 `yaml:"target"`
	Environments map[string]environment `yaml:"environments"`
}

type environment struct {
	Vars map[string]string `yaml:"vars"`
}

// ReadProject reads the project in a folder, for one of its environments; ""
// is the one named dev, if there is one.
func ReadProject(folder fs.FS, env string) (*Project, error) {
	text, err := fs.ReadFile(folder, projectFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.New(problem.NotFound, "the folder has no %s", projectFile).WithHint("name the project's folder with -p, or make one: name: shop")
	}
	if err != nil {
		return nil, fmt.Errorf("read project: %w", err)
	}
	var y projectYAML
	if err := yaml.UnmarshalWithOptions(text, &y, yaml.Strict()); err != nil {
		return nil, wrongYAML(err)
	}
	p := &Project{Name: y.Name, Target: y.Target}
	switch p.Target {
	case "":
		p.Target = "embedded"
	case "embedded":
	case "flink":
		return nil, problem.New(problem.Unsupported, "the target flink is not built yet").At(problem.Position{File: projectFile}).WithHint("use target: embedded")
	default:
		return nil, problem.New(problem.InvalidOption, "there is no target %q", p.Target).At(problem.Position{File: projectFile}).WithHint("use embedded")
	}
	if err := p.choose(y.Environments, env); err != nil {
		return nil, err
	}
	return p, p.read(folder)
}

func (p *Project) choose(all map[string]environment, env string) error {
	chosen, ok := all[env]
	if env == "" {
		chosen = all["dev"]
	} else if !ok {
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		sort.Strings(names)
		return problem.New(problem.NotFound, "%s has no environment %q", projectFile, env).WithHint("it has %s", strings.Join(names, ", "))
	}
	p.Vars = chosen.Vars
	return nil
}

// wrongYAML keeps the first line of the library's message, which has the place,
// and drops its drawing of the file.
func wrongYAML(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	position := problem.Position{File: projectFile}
	var message string
	if n, _ := fmt.Sscanf(text, "[%d:%d]", &position.Line, &position.Column); n == 2 {
		_, message, _ = strings.Cut(text, "] ")
	} else {
		message = text
	}
	return problem.New(problem.Syntax, "%s", message).At(position).WithHint("keys are name, target, environments")
}

// read finds the .sql files of all folders, apart from hidden ones.
func (p *Project) read(folder fs.FS) error {
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_") || entry.Name() == "tidemark-data"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".sql":
			return nil
		case len(p.Sources) >= filesMax:
			return problem.New(problem.TooLarge, "the project has more than %d files", filesMax)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Size() > fileBytesMax {
			return problem.New(problem.TooLarge, "%s has %d bytes, more than %d", name, info.Size(), fileBytesMax)
		}
		text, err := fs.ReadFile(folder, name)
		p.Sources = append(p.Sources, Source{Path: name, Text: string(text)})
		return err
	})
	if err != nil {
		return fmt.Errorf("read project: %w", err)
	}
	return nil
}

// definition is a statement of a project and what it needs.
type definition struct {
	statement sql.Statement
	name      string   // what it defines, "" for SET
	reads     []string // tables it refers to
}

// definitions parses all files and orders their statements so that each stands
// behind those it needs. Everything that is wrong is reported; what can be read
// is given all the same.
func (p *Project) definitions() ([]definition, problem.List) {
	var all []definition
	var wrong problem.List
	for _, s := range p.Sources {
		substituted, warnings := parse.Substitute(s.Path, s.Text, p.Vars)
		wrong = append(wrong, warnings...)
		statements, problems := parse.Script(s.Path, substituted.Text)
		for _, one := range problems {
			one.Position = substituted.Original(one.Position)
		}
		wrong = append(wrong, problems...)
		for _, statement := range statements {
			d, err := describe(statement)
			if err != nil {
				wrong = append(wrong, problem.Of(err))
				continue
			}
			all = append(all, d)
		}
	}
	ordered, cycles := order(all)
	return ordered, append(wrong, cycles...)
}

// describe tells what a statement defines. A project may only define.
func describe(s sql.Statement) (definition, error) {
	d := definition{statement: s}
	switch s := s.(type) {
	case *sql.CreateTable:
		d.name = s.Name.String()
		if s.Like != nil {
			d.reads = append(d.reads, s.Like.Table.String())
		}
	case *sql.CreateView:
		d.name = s.Name.String()
	case *sql.CreateMaterializedTable:
		d.name = s.Name.String()
	case *sql.CreateFunction:
		d.name = "function " + strings.ToUpper(s.Name.Last().Text)
	case *sql.Set:
	default:
		return d, problem.New(problem.InvalidRequest, "a project has only definitions").At(s.Pos()).WithHint("CREATE TABLE, VIEW, MATERIALIZED TABLE or FUNCTION, or SET")
	}
	d.reads = append(d.reads, tablesRead(s)...)
	sql.Inspect(s, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.Call:
			d.reads = append(d.reads, "function "+strings.ToUpper(n.Name.String()))
		}
		return true
	})
	return d, nil
}

// tablesRead lists the tables that a statement or query names.
func tablesRead(n sql.Node) []string {
	var names []string
	sql.Inspect(n, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.TableRef:
			names = append(names, n.Path.String())
		case *sql.TableArgument:
			if n.Table != nil {
				names = append(names, n.Table.String())
			}
		}
		return true
	})
	return names
}

// order sorts definitions so that each stands behind those it reads, and keeps
// the order of the files otherwise. SET comes first. A circle is a problem.
func order(all []definition) ([]definition, problem.List) {
	byName := map[string]int{}
	for i, d := range all {
		if d.name != "" {
			byName[d.name] = i
		}
	}
	const (
		unseen = iota
		underWay
		done
	)
	state := make([]int, len(all))
	var ordered []definition
	var wrong problem.List
	var visit func(i int) bool
	visit = func(i int) bool {
		switch state[i] {
		case done:
			return true
		case underWay:
			return false
		}
		state[i] = underWay
		for _, name := range all[i].reads {
			if next, ok := byName[name]; ok && next != i && !visit(next) {
				wrong = append(wrong, problem.New(problem.InvalidQuery, "%s and %s need each other", all[i].name, name).At(all[i].statement.Pos()).WithHint("let one of them read something else"))
			}
		}
		state[i] = done
		ordered = append(ordered, all[i])
		return true
	}
	for i, d := range all {
		if d.name == "" {
			visit(i)
		}
	}
	for i := range all {
		visit(i)
	}
	return ordered, wrong
}
