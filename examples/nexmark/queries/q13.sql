-- Bids with a value from a side table, as an event-time temporal join.
-- The published query is a lookup join; here it is a temporal join in event time: every side row is valid from 1970 on, so each bid meets the same row as in a lookup.

CREATE TEMPORARY TABLE side_input (
  `key` BIGINT,
  `value` STRING,
  valid_from AS CAST(TIMESTAMP '1970-01-01 00:00:00.000' AS TIMESTAMP(3)),
  WATERMARK FOR valid_from AS valid_from,
  PRIMARY KEY (`key`) NOT ENFORCED
) WITH (
  'connector' = 'filesystem',
  'path' = '${SIDE}',
  'format' = 'csv'
);

CREATE TEMPORARY VIEW keyed_bids AS
SELECT auction, bidder, price, `dateTime`, CAST(MOD(auction, 10000) AS BIGINT) AS side_key
FROM bids;

SELECT bi.auction, bi.bidder, bi.price, bi.`dateTime`, si.`value`
FROM keyed_bids AS bi
JOIN side_input FOR SYSTEM_TIME AS OF bi.`dateTime` AS si
  ON bi.side_key = si.`key`;
