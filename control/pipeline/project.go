package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
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

	files fs.FS
}

// readFile reads a file that a definition names, by its path in the project.
func (p *Project) readFile(name string) ([]byte, error) { return fs.ReadFile(p.files, name) }

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
	p := &Project{Name: y.Name, Target: y.Target, files: folder}
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

// functionMark sets the names of functions apart from those of tables.
const functionMark = "function "

// insertMark sets what writes to a table apart from what defines it.
const insertMark = "insert into "

// definition is a statement of a project and what it needs.
type definition struct {
	statement sql.Statement
	text      parse.Substitution // that the statement stands in
	name      string             // what it defines, "" for SET
	reads     []string           // tables and functions it refers to
	circular  bool               // it needs itself, perhaps through others
}

// position is where the definition stands, as it was before variables were replaced.
func (d definition) position() problem.Position { return d.text.Original(d.statement.Pos()) }

// placed gives what is wrong with the definition its place in the file, as it
// was before variables were replaced.
func (d definition) placed(err error) problem.List {
	all := slices.Clone(problem.All(err))
	for i, p := range all {
		if p.Position.File == d.statement.Pos().File && !p.Position.IsZero() {
			moved := *p
			moved.Position = d.text.Original(p.Position)
			all[i] = &moved
		}
	}
	return all
}

// definitions parses all files and orders their statements so that each stands
// behind those it needs. Everything that is wrong is reported; what can be read
// is given all the same.
func (p *Project) definitions() ([]definition, problem.List) {
	var all []definition
	var wrong problem.List
	for _, s := range p.Sources {
		substituted, warnings := parse.Substitute(s.Path, s.Text, p.Vars)
		for _, w := range warnings {
			wrong = append(wrong, w.WithHint("add %s to the vars of an environment in %s", w.Field, projectFile))
		}
		statements, problems := parse.Script(s.Path, substituted.Text)
		for _, one := range problems {
			one.Position = substituted.Original(one.Position)
		}
		wrong = append(wrong, problems...)
		for _, statement := range statements {
			d, err := describe(statement)
			d.text = substituted
			if err != nil {
				wrong = append(wrong, d.placed(err)...)
				continue
			}
			all = append(all, d)
		}
	}
	wrong = append(wrong, insertedTwice(all)...)
	ordered, cycles := order(all)
	return ordered, append(wrong, cycles...)
}

// insertedTwice finds tables that several statements insert into: a table has one
// job.
func insertedTwice(all []definition) (wrong problem.List) {
	seen := map[string]bool{}
	for _, d := range all {
		if insert, ok := d.statement.(*sql.Insert); ok {
			if seen[d.name] {
				wrong = append(wrong, d.placed(problem.New(problem.Unsupported, "two statements insert into %s", insert.Table).At(insert.Pos()).WithHint("make one of them, with UNION ALL"))...)
			}
			seen[d.name] = true
		}
	}
	return wrong
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
		d.name = functionMark + strings.ToUpper(s.Name.Last().Text)
	case *sql.Insert:
		d.name = insertMark + s.Table.String()
		d.reads = append(d.reads, s.Table.String())
	case *sql.Set:
	default:
		return d, problem.New(problem.InvalidRequest, "a project has only definitions").At(s.Pos()).WithHint("CREATE TABLE, VIEW, MATERIALIZED TABLE or FUNCTION, INSERT INTO an external table, or SET")
	}
	d.reads = append(d.reads, tablesRead(s)...)
	sql.Inspect(s, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.Call:
			d.reads = append(d.reads, functionMark+strings.ToUpper(n.Name.String()))
		}
		return true
	})
	return d, nil
}

// tablesRead lists the tables that a statement or query names.
// Names that a WITH around them gives to a query are not tables.
func tablesRead(n sql.Node) []string {
	return appendTables(nil, n, nil)
}

// appendTables appends the tables below n; local are the names of WITH there.
func appendTables(names []string, n sql.Node, local []string) []string {
	add := func(name string) {
		if !slices.Contains(local, name) {
			names = append(names, name)
		}
	}
	sql.Inspect(n, func(child sql.Node) bool {
		switch child := child.(type) {
		case *sql.TableRef:
			add(child.Path.String())
		case *sql.TableArgument:
			if child.Table != nil {
				add(child.Table.String())
			}
		case *sql.Query:
			if len(child.With) == 0 {
				return true
			}
			inner := slices.Clone(local)
			for _, with := range child.With {
				names = appendTables(names, with.Query, inner)
				inner = append(inner, with.Name.Text)
			}
			rest := *child
			rest.With = nil
			names = appendTables(names, &rest, inner)
			return false
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
			next, ok := byName[name]
			switch {
			case !ok || all[i].circular:
			case next == i && strings.HasPrefix(name, functionMark): // the built-in one of that name
			case next == i:
				all[i].circular = true
				wrong = append(wrong, all[i].placed(problem.New(problem.InvalidQuery, "%s needs itself", name).At(all[i].statement.Pos()).WithHint("let it read something else"))...)
			case !visit(next):
				all[i].circular = true
				wrong = append(wrong, all[i].placed(problem.New(problem.InvalidQuery, "%s and %s need each other", all[i].name, name).At(all[i].statement.Pos()).WithHint("let one of them read something else"))...)
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
