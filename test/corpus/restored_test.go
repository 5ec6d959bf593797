package corpus

const orderVariable = "TIDEMARK_CORPUS_ORDER"

func keepTables(string) error { return nil }
