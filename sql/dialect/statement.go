package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"tidemark/sql"
)

func (p *printer) script(statements []sql.Statement) {
	for i, s := range statements {
		if i > 0 {
			p.onBreak = false
			p.out.WriteString("\n\n")
		}
		p.statement(s)
		p.write(";")
		p.remarksBehind(s.Remarks().After)
	}
	if len(statements) > 0 {
		p.out.WriteByte('\n')
	}
}

// statement prints a statement with the comments in front of it.
func (p *printer) statement(s sql.Statement) {
	p.remarks(s.Remarks().Before)
	switch s := s.(type) {
	case *sql.Set:
		p.write("SET")
		if s.Key != nil {
			p.write(" ", quoteText(s.Key.Text), " = ", quoteText(s.Value.Text))
		}
	case *sql.Reset:
		p.write("RESET")
		if s.Key != nil {
			p.write(" ", quoteText(s.Key.Text))
		}
	case *sql.Use:
		p.write("USE ", when(s.Catalog, "CATALOG "), p.pathText(s.Path))
	case *sql.QueryStatement:
		p.query(s.Query)
	case *sql.Insert:
		p.insert(s)
	case *sql.StatementSet:
		p.write("EXECUTE ")
		p.statementSet(s)
	case *sql.Update:
		p.update(s)
	case *sql.Delete:
		p.write("DELETE FROM ", p.pathText(s.Table))
		p.alias(s.Alias)
		p.where(s.Where)
	case *sql.Explain:
		p.explain(s)
	case *sql.Show:
		p.show(s)
	case *sql.Describe:
		p.write("DESCRIBE ", when(s.Kind != "", string(s.Kind)+" "), when(s.Extended, "EXTENDED "))
		if s.Job != nil {
			p.write(quoteText(s.Job.Text))
		} else {
			p.path(s.Path)
		}
	case *sql.CreateTable:
		p.createTable(s)
	case *sql.CreateView:
		p.createView(s)
	case *sql.CreateMaterializedTable:
		p.createMaterializedTable(s)
	case *sql.AlterMaterializedTable:
		p.alterMaterializedTable(s)
	case *sql.AlterTable:
		p.write("ALTER ", when(s.View, "VIEW "), when(!s.View, "TABLE "), when(s.IfExists, "IF EXISTS "), p.pathText(s.Name), " ")
		p.action(s.Action)
	case *sql.CreateFunction:
		p.createFunction(s)
	case *sql.CreateDatabase:
		p.write("CREATE DATABASE ", when(s.IfNotExists, "IF NOT EXISTS "), p.pathText(s.Name))
		p.comment(s.Comment)
		p.with(s.With, false)
	case *sql.CreateCatalog:
		p.write("CREATE CATALOG ", when(s.IfNotExists, "IF NOT EXISTS "), p.name(s.Name))
		p.comment(s.Comment)
		p.with(s.With, false)
	case *sql.Drop:
		p.write("DROP ", when(s.Temporary, "TEMPORARY "), when(s.System, "SYSTEM "), string(s.Kind), " ", when(s.IfExists, "IF EXISTS "), p.pathText(s.Name), when(s.Behavior != "", " "+s.Behavior))
	default:
		panic(fmt.Sprintf("dialect: statement %T is not printed", s))
	}
}

// when gives text if the condition holds.
func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

func (p *printer) insert(s *sql.Insert) {
	p.write("INSERT ", when(s.Overwrite, "OVERWRITE "), when(!s.Overwrite, "INTO "), p.pathText(s.Table))
	p.hints(s.Hints)
	if len(s.Partition) > 0 {
		p.write(" ")
		p.partition(s.Partition)
	}
	if len(s.Columns) > 0 {
		p.write(" (")
		p.commas(len(s.Columns), func(i int) { p.path(s.Columns[i]) })
		p.write(")")
	}
	p.line()
	p.query(s.Query)
}

func (p *printer) partition(values []*sql.PartitionValue) {
	p.write("PARTITION (")
	p.commas(len(values), func(i int) {
		p.write(p.name(values[i].Column))
		if values[i].Value != nil {
			p.write(" = ")
			p.expression(values[i].Value)
		}
	})
	p.write(")")
}

// statementSet prints STATEMENT SET BEGIN … END.
func (p *printer) statementSet(s *sql.StatementSet) {
	p.write("STATEMENT SET BEGIN")
	p.indented(func() {
		for _, insert := range s.Inserts {
			p.line()
			p.statement(insert)
			p.write(";")
			p.remarksBehind(insert.Comments.After)
		}
	})
	p.line()
	p.write("END")
}

func (p *printer) update(s *sql.Update) {
	p.write("UPDATE ", p.pathText(s.Table))
	p.alias(s.Alias)
	p.line()
	p.write("SET")
	p.items(len(s.Assignments), nil, func(i int) {
		p.write(p.name(s.Assignments[i].Column), " = ")
		p.expression(s.Assignments[i].Value)
	})
	p.where(s.Where)
}

func (p *printer) where(condition sql.Expr) {
	if condition != nil {
		p.line()
		p.write("WHERE")
		p.condition(condition)
	}
}

func (p *printer) explain(s *sql.Explain) {
	p.write("EXPLAIN")
	switch {
	case s.Mode != sql.ExplainDefault:
		p.write(" ", string(s.Mode), " FOR")
	case len(s.Details) > 0:
		p.write(" ", strings.Join(s.Details, ", "))
	case !p.noFor:
		p.write(" FOR")
	}
	p.line()
	if set, ok := s.Statement.(*sql.StatementSet); ok {
		p.remarks(set.Comments.Before)
		p.statementSet(set)
		return
	}
	p.statement(s.Statement)
}

func (p *printer) show(s *sql.Show) {
	p.write("SHOW ", string(s.Kind))
	switch s.Kind {
	case sql.ShowCreateTable, sql.ShowCreateView, sql.ShowCreateMatTable, sql.ShowCreateFunction, sql.ShowPartitions:
		p.write(" ", p.pathText(s.Path))
	default:
		if len(s.Path) > 0 {
			p.write(" FROM ", p.pathText(s.Path))
		}
	}
	if len(s.Partition) > 0 {
		p.write(" ")
		p.partition(s.Partition)
	}
	if s.Like != nil {
		p.write(when(s.NotLike, " NOT"), " LIKE ", quoteText(s.Like.Text))
	}
}

func (p *printer) option(o *sql.Option) {
	p.write(quoteText(o.Key.Text), " = ", quoteText(o.Value.Text))
}

func (p *printer) options(options []*sql.Option) {
	p.block(len(options), func(i int) *sql.Comments { return &options[i].Comments }, func(i int) { p.option(options[i]) })
}

// with prints WITH (…) on a line of its own if there is one.
func (p *printer) with(options []*sql.Option, even bool) {
	if len(options) > 0 || even {
		p.line()
		p.write("WITH ")
		p.options(options)
	}
}

// comment prints COMMENT '…' on a line of its own if there is one.
func (p *printer) comment(c *sql.StringValue) {
	if c != nil {
		p.line()
		p.write("COMMENT ", quoteText(c.Text))
	}
}

func (p *printer) createTable(s *sql.CreateTable) {
	p.write("CREATE ", when(s.OrReplace, "OR REPLACE "), when(s.Temporary, "TEMPORARY "), "TABLE ", when(s.IfNotExists, "IF NOT EXISTS "), p.pathText(s.Name))
	p.elements(s.Elements, s.ColumnNames)
	p.comment(s.Comment)
	p.layout(s.Distribution, s.PartitionBy)
	p.with(s.With, s.HasWith)
	if s.Like != nil {
		p.line()
		p.write("LIKE ", p.pathText(s.Like.Table))
		if len(s.Like.Options) > 0 {
			p.write(" (")
			p.indented(func() {
				for _, o := range s.Like.Options {
					p.line()
					p.write(o.Action, " ", o.What)
				}
			})
			p.line()
			p.write(")")
		}
	}
	if s.As != nil {
		p.line()
		p.write("AS")
		p.line()
		p.query(s.As)
	}
}

func (p *printer) elements(elements []sql.TableElement, names []sql.Name) {
	if len(names) > 0 {
		p.write(" (")
		p.names(names)
		p.write(")")
	}
	if len(elements) > 0 {
		p.write(" ")
		p.block(len(elements), func(i int) *sql.Comments { return elements[i].Remarks() }, func(i int) { p.element(elements[i]) })
	}
}

func (p *printer) element(e sql.TableElement) {
	inlineComment := func(c *sql.StringValue) {
		if c != nil {
			p.write(" COMMENT ", quoteText(c.Text))
		}
	}
	switch e := e.(type) {
	case *sql.PhysicalColumn:
		p.write(p.name(e.Name), " ", p.typeText(e.Type.Type), when(e.PrimaryKey, " PRIMARY KEY"), when(e.PrimaryKey && !e.Enforced, " NOT ENFORCED"))
		inlineComment(e.Comment)
	case *sql.ComputedColumn:
		p.write(p.name(e.Name), " AS ")
		p.expression(e.Expr)
		inlineComment(e.Comment)
	case *sql.MetadataColumn:
		p.write(p.name(e.Name), " ", p.typeText(e.Type.Type), " METADATA")
		if e.From != nil {
			p.write(" FROM ", quoteText(e.From.Text))
		}
		p.write(when(e.Virtual, " VIRTUAL"))
		inlineComment(e.Comment)
	case *sql.PrimaryKey:
		if e.Constraint != nil {
			p.write("CONSTRAINT ", p.name(*e.Constraint), " ")
		}
		p.write(when(e.Unique, "UNIQUE ("), when(!e.Unique, "PRIMARY KEY ("))
		p.names(e.Columns)
		p.write(")", when(!e.Enforced, " NOT ENFORCED"))
	case *sql.WatermarkElement:
		p.write("WATERMARK FOR ", p.pathText(e.Column), " AS ")
		p.expression(e.Expr)
	default:
		panic(fmt.Sprintf("dialect: table element %T is not printed", e))
	}
}

func (p *printer) layout(d *sql.Distribution, partition []sql.Name) {
	if d != nil {
		p.line()
		p.write("DISTRIBUTED")
		if len(d.Columns) > 0 {
			p.write(" BY ", when(d.Kind != "", d.Kind+" "), "(")
			p.names(d.Columns)
			p.write(")")
		}
		if d.Buckets > 0 {
			p.write(" INTO ", strconv.Itoa(d.Buckets), " BUCKETS")
		}
	}
	if len(partition) > 0 {
		p.line()
		p.write("PARTITIONED BY (")
		p.names(partition)
		p.write(")")
	}
}

func (p *printer) createView(s *sql.CreateView) {
	p.write("CREATE ", when(s.OrReplace, "OR REPLACE "), when(s.Temporary, "TEMPORARY "), "VIEW ", when(s.IfNotExists, "IF NOT EXISTS "), p.pathText(s.Name))
	if len(s.Columns) > 0 {
		p.write(" (")
		p.commas(len(s.Columns), func(i int) {
			p.write(p.name(s.Columns[i].Name))
			if c := s.Columns[i].Comment; c != nil {
				p.write(" COMMENT ", quoteText(c.Text))
			}
		})
		p.write(")")
	}
	p.comment(s.Comment)
	if s.Comment != nil {
		p.line()
		p.write("AS")
	} else {
		p.write(" AS")
	}
	p.line()
	p.query(s.Query)
}

func (p *printer) createMaterializedTable(s *sql.CreateMaterializedTable) {
	p.write("CREATE ", when(s.OrReplace, "OR REPLACE "), "MATERIALIZED TABLE ", when(s.IfNotExists, "IF NOT EXISTS "), p.pathText(s.Name))
	p.elements(s.Elements, s.ColumnNames)
	p.comment(s.Comment)
	p.layout(s.Distribution, s.PartitionBy)
	p.with(s.With, false)
	if s.Freshness != nil {
		p.line()
		p.write("FRESHNESS = ")
		p.expression(s.Freshness)
	}
	if s.RefreshMode != "" {
		p.line()
		p.write("REFRESH_MODE = ", s.RefreshMode)
	}
	p.line()
	p.write("AS")
	p.line()
	p.query(s.Query)
}

func (p *printer) alterMaterializedTable(s *sql.AlterMaterializedTable) {
	p.write("ALTER MATERIALIZED TABLE ", p.pathText(s.Name), " ", string(s.Action))
	if len(s.Partition) > 0 {
		p.write(" ")
		p.partition(s.Partition)
	}
	p.with(s.With, false)
	if s.Query != nil {
		p.line()
		p.query(s.Query)
	}
}

func (p *printer) action(a sql.AlterAction) {
	switch a := a.(type) {
	case *sql.RenameTable:
		p.write("RENAME TO ", p.pathText(a.To))
	case *sql.RenameColumn:
		p.write("RENAME ", p.pathText(a.Column), " TO ", p.name(a.To))
	case *sql.SetOptions:
		p.write("SET ")
		p.options(a.Options)
	case *sql.ResetOptions:
		p.write("RESET (")
		p.commas(len(a.Keys), func(i int) { p.write(quoteText(a.Keys[i].Text)) })
		p.write(")")
	case *sql.ChangeElements:
		p.write(when(a.Modify, "MODIFY "), when(!a.Modify, "ADD "))
		p.block(len(a.Elements), func(i int) *sql.Comments { return a.Elements[i].Element.Remarks() }, func(i int) {
			p.element(a.Elements[i].Element)
			p.write(when(a.Elements[i].First, " FIRST"))
			if after := a.Elements[i].After; after != nil {
				p.write(" AFTER ", p.name(*after))
			}
		})
	case *sql.DropElements:
		p.write("DROP")
		switch {
		case a.What == "CONSTRAINT":
			p.write(" CONSTRAINT ", p.pathText(a.Columns[0]))
		case a.What != "":
			p.write(" ", a.What)
		default:
			p.write(" (")
			p.commas(len(a.Columns), func(i int) { p.path(a.Columns[i]) })
			p.write(")")
		}
	case *sql.ChangePartition:
		p.write(when(a.Drop, "DROP"), when(!a.Drop, "ADD"), when(a.IfExists && a.Drop, " IF EXISTS"), when(a.IfExists && !a.Drop, " IF NOT EXISTS"), " ")
		for i, partition := range a.Partitions {
			if i > 0 {
				p.write(when(a.Drop, ", "), when(!a.Drop, " "))
			}
			p.partition(partition)
		}
	case *sql.RedefineView:
		p.write("AS")
		p.line()
		p.query(a.Query)
	default:
		panic(fmt.Sprintf("dialect: action %T is not printed", a))
	}
}

func (p *printer) createFunction(s *sql.CreateFunction) {
	p.write("CREATE ", when(s.OrReplace, "OR REPLACE "), when(s.Temporary, "TEMPORARY "), when(s.System, "SYSTEM "), "FUNCTION ", when(s.IfNotExists, "IF NOT EXISTS "), p.pathText(s.Name))
	if s.Class == nil {
		p.write("(")
		p.commas(len(s.Parameters), func(i int) {
			p.write(p.name(s.Parameters[i].Name), " ", p.typeText(s.Parameters[i].Type.Type))
		})
		p.write(") RETURNS ", p.typeText(s.Returns.Type))
		if s.Body != nil {
			p.write(" AS ")
			p.expression(s.Body)
			return
		}
		p.write(" LANGUAGE ", s.Language, " USING ")
		if s.Code != nil {
			p.write("BASE64 ", quoteText(s.Code.Text))
		} else {
			p.write("FILE ", quoteText(s.Using[0].Text))
		}
		p.with(s.With, false)
		return
	}
	p.write(" AS ", quoteText(s.Class.Text), when(s.Language != "", " LANGUAGE "+s.Language))
	if len(s.Using) > 0 {
		p.write(" USING ")
		p.commas(len(s.Using), func(i int) { p.write("JAR ", quoteText(s.Using[i].Text)) })
	}
	p.with(s.With, false)
}
