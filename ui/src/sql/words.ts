/** What the editor colours and completes; the server's grammar decides what is right. */
export const KEYWORDS = (
  'all and any array as asc between both by case cast ceil collate column create cross cube current current_date ' +
  'current_timestamp date day default delete desc describe descriptor distinct drop else end escape except exists ' +
  'explain extract false filter final first floor following for from full function group grouping having hour if in ' +
  'inner insert intersect interval into is join last lateral leading left like limit map match_recognize measures ' +
  'minute month natural not null nulls of offset on or order outer over overlay partition pattern preceding qualify ' +
  'range recursive right rollup row rows second select set sets show similar some substring symmetric system_time ' +
  'table tables then time timestamp timestampadd timestampdiff to trailing trim true try_cast union unknown unnest ' +
  'using values view watermark when where window with within year hop tumble cumulate session progress lineage'
).toLowerCase();

export const TYPES =
  'array bigint binary boolean bytes char date decimal double float int integer interval map numeric real row ' +
  'smallint string time timestamp timestamp_ltz tinyint varbinary varchar';
