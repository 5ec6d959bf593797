/** How somebody with an empty server makes the first table and sends the first event, as lines for a shell. */
export function firstSteps(): string[] {
  const { origin } = window.location;
  return [
    `tidemark sql --url ${origin} -e 'CREATE TABLE clicks (id BIGINT, page STRING)'`,
    `curl ${origin}/api/v1/events/clicks --data-binary '{"id":1,"page":"/"}'`,
  ];
}
