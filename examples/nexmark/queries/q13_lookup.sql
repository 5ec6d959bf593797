-- Bids with a value from a side table, as a lookup join, the published form.

CREATE TEMPORARY TABLE side_input (
  `key` BIGINT,
  `value` STRING,
  PRIMARY KEY (`key`) NOT ENFORCED
) WITH (
  'connector' = 'filesystem',
  'path' = '${SIDE}',
  'format' = 'csv'
);

CREATE TEMPORARY VIEW keyed_bids AS
SELECT auction, bidder, price, `dateTime`, CAST(MOD(auction, 10000) AS BIGINT) AS side_key, PROCTIME() AS p_time
FROM bids;

SELECT bi.auction, bi.bidder, bi.price, bi.`dateTime`, si.`value`
FROM keyed_bids AS bi
JOIN side_input FOR SYSTEM_TIME AS OF bi.p_time AS si
  ON bi.side_key = si.`key`;
