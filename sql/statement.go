package sql

// Statement is one statement of a script.
//
//sumtype:decl
type Statement interface {
	Node
	// Remarks gives the statement's comments; the pointer is to the node's own.
	Remarks() *Comments
	// Place says where the statement stands; only for who makes it.
	Place(Span)
	statement()
}

// StatementBase is what every statement embeds: its place and its comments.
type StatementBase struct {
	Span
	Comments Comments
}

// Remarks implements Statement.
func (b *StatementBase) Remarks() *Comments { return &b.Comments }

// Place implements Statement.
func (b *StatementBase) Place(s Span) { b.Span = s }
func (*StatementBase) statement()     {}

// Set is SET 'key' = 'value', or SET alone (Key nil), which shows all settings.
type Set struct {
	StatementBase
	Key   *StringValue
	Value *StringValue
}

// Reset is RESET 'key', or RESET alone (Key nil), which resets all settings.
type Reset struct {
	StatementBase
	Key *StringValue
}

// Use is USE database or USE CATALOG catalog.
type Use struct {
	StatementBase
	Catalog bool
	Path    Path
}

// QueryStatement is a query on its own.
type QueryStatement struct {
	StatementBase
	Query *Query
}

// Insert is INSERT INTO | OVERWRITE table [PARTITION (…)] [(columns)] query.
type Insert struct {
	StatementBase
	Overwrite bool
	Table     Path
	Hints     []*Hint
	Partition []*PartitionValue
	Columns   []Path // names, or fields of ROW columns; nil means all
	Query     *Query
}

// PartitionValue is column = literal in PARTITION (…); Value is nil for a
// partition column that takes its value from the query.
type PartitionValue struct {
	Span
	Column Name
	Value  Expr
}

// StatementSet runs several inserts as one job.
type StatementSet struct {
	StatementBase
	Inserts []*Insert
}

// Update is UPDATE table SET column = expression [WHERE condition].
type Update struct {
	StatementBase
	Table       Path
	Alias       *Alias
	Assignments []*Assignment
	Where       Expr
}

// Assignment is column = expression in UPDATE.
type Assignment struct {
	Span
	Column Name
	Value  Expr
}

// Delete is DELETE FROM table [WHERE condition].
type Delete struct {
	StatementBase
	Table Path
	Alias *Alias
	Where Expr
}

// ExplainMode is what an EXPLAIN shows.
type ExplainMode string

// The modes of EXPLAIN. ExplainDefault prints what Flink prints: the abstract
// tree and the plan.
const (
	ExplainDefault ExplainMode = ""
	ExplainTree    ExplainMode = "TREE"
	ExplainPlan    ExplainMode = "PLAN"
	ExplainRoute   ExplainMode = "ROUTE"
	ExplainSQL     ExplainMode = "SQL"
	ExplainLineage ExplainMode = "LINEAGE"
	ExplainAnalyze ExplainMode = "ANALYZE" // runs the statement and says what it cost
)

// Explain is EXPLAIN [mode | details] [FOR] statement.
type Explain struct {
	StatementBase
	Mode      ExplainMode
	Details   []string // Flink's: ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN
	Statement Statement
}

// ShowKind is what a SHOW lists.
type ShowKind string

// The kinds of SHOW.
const (
	ShowCatalogs        ShowKind = "CATALOGS"
	ShowCurrentCatalog  ShowKind = "CURRENT CATALOG"
	ShowDatabases       ShowKind = "DATABASES"
	ShowCurrentDatabase ShowKind = "CURRENT DATABASE"
	ShowTables          ShowKind = "TABLES"
	ShowViews           ShowKind = "VIEWS"
	ShowMaterialized    ShowKind = "MATERIALIZED TABLES"
	ShowFunctions       ShowKind = "FUNCTIONS"
	ShowUserFunctions   ShowKind = "USER FUNCTIONS"
	ShowJobs            ShowKind = "JOBS"
	ShowModules         ShowKind = "MODULES"
	ShowColumns         ShowKind = "COLUMNS"
	ShowPartitions      ShowKind = "PARTITIONS"
	ShowCreateTable     ShowKind = "CREATE TABLE"
	ShowCreateView      ShowKind = "CREATE VIEW"
	ShowCreateMatTable  ShowKind = "CREATE MATERIALIZED TABLE"
	ShowCreateFunction  ShowKind = "CREATE FUNCTION"
)

// Show is SHOW kind [FROM path] [[NOT] LIKE pattern].
type Show struct {
	StatementBase
	Kind      ShowKind
	Path      Path // of COLUMNS, PARTITIONS, CREATE …; or the database after FROM/IN
	Partition []*PartitionValue
	NotLike   bool
	Like      *StringValue
}

// DescribeKind is what is described.
type DescribeKind string

// The kinds of DESCRIBE.
const (
	DescribeTable    DescribeKind = ""
	DescribeCatalog  DescribeKind = "CATALOG"
	DescribeDatabase DescribeKind = "DATABASE"
	DescribeFunction DescribeKind = "FUNCTION"
	DescribeJob      DescribeKind = "JOB"
)

// Describe is DESCRIBE [kind] [EXTENDED] path.
type Describe struct {
	StatementBase
	Kind     DescribeKind
	Extended bool
	Path     Path         // unless Job
	Job      *StringValue // of DESCRIBE JOB
}

// StringValue is a quoted text that is no expression: an option, a comment.
type StringValue struct {
	Span
	Text string
}

// Option is 'key' = 'value' in WITH, in OPTIONS and LOOKUP hints, in SET (…).
type Option struct {
	Span
	Comments Comments
	Key      StringValue
	Value    StringValue
}
