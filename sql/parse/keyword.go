package parse

import (
	"strings"

	"tidemark/sql"
)

// notCallable are the reserved words that never name a function: what they
// start or continue is syntax.
var notCallable = wordSet(`
	ALL ALTER AND ANY AS ASYMMETRIC AT BEGIN BETWEEN BOTH BY CONSTRAINT CREATE CROSS CUBE DELETE DESCRIBE DISTINCT DROP ELSE END
	ESCAPE EXCEPT EXECUTE EXPLAIN FETCH FOR FOREIGN FROM FULL GRANT GROUP HAVING IN INNER INSERT INTERSECT INTO IS JOIN LATERAL
	LEADING LIKE LIMIT MATCH_RECOGNIZE MERGE MINUS NATURAL NOT OF OFFSET ON ONLY OR ORDER OUTER OVER OVERWRITE PARTITION PARTITIONED
	PRIMARY QUALIFY RECURSIVE RETURNS ROLLUP ROWS SELECT SET SHOW SIMILAR SOME SYMMETRIC TABLE TABLESAMPLE THEN TO TRAILING
	UNION UNIQUE UNNEST UPDATE USE USING VALUES WATERMARK WHEN WHERE WINDOW WITH WITHIN WITHOUT`)

// structural are reserved words that hardly anybody means as a name.
var structural = wordSet(`
	AND AS BETWEEN BY CASE ELSE END EXCEPT FROM HAVING IN INSERT INTERSECT INTO IS JOIN LATERAL LIKE NOT ON OR QUALIFY SELECT THEN
	UNION USING WHEN WHERE WITH`)

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// bareFunctions are called without parentheses.
var bareFunctions = wordSet(`
	CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP CURRENT_USER SESSION_USER SYSTEM_USER USER
	CURRENT_CATALOG CURRENT_SCHEMA CURRENT_PATH CURRENT_ROLE`)

// statementStarts are the words a statement can begin with, for hints.
var statementStarts = strings.Fields(`
	SELECT WITH VALUES INSERT CREATE DROP ALTER SET RESET USE EXECUTE BEGIN EXPLAIN SHOW DESCRIBE DESC UPDATE DELETE TABLE`)

// unsupportedStarts are statements of Flink that are known and not built.
var unsupportedStarts = map[string]string{
	"ADD":      "jars are not loaded into Tidemark; write the function in SQL with CREATE FUNCTION f(…) RETURNS … AS …",
	"REMOVE":   "jars are not loaded into Tidemark",
	"LOAD":     "all built-in functions are always there",
	"UNLOAD":   "all built-in functions are always there",
	"ANALYZE":  "statistics are kept by themselves",
	"COMPILE":  "plans are not stored; materialized tables resume by themselves",
	"CALL":     "there are no procedures",
	"STOP":     "stop a job with ALTER MATERIALIZED TABLE t SUSPEND",
	"MERGE":    "write INSERT INTO a table with a primary key",
	"TRUNCATE": "write DELETE FROM t",
	"UPSERT":   "write INSERT INTO a table with a primary key",
	"GRANT":    "access is set in the project",
	"REVOKE":   "access is set in the project",
	"REPLACE":  "write CREATE OR REPLACE TABLE, or INSERT OVERWRITE",
	"COMMIT":   "there are no transactions",
	"ROLLBACK": "there are no transactions",
	"START":    "there are no transactions",
}

// reserved reports whether an unquoted word cannot be a name.
func reserved(upper string) bool { return sql.Reserved(upper) }
