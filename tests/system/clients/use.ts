// What somebody does with the generated TypeScript types: `use.ts BASE_URL TOKEN`, compiled strictly and run by node.
// A misuse stands here where the compiler refuses it, and compiling fails where it does not.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./foothold.ts";

type Account = components["schemas"]["AccountRead"];
type Problem = components["schemas"]["Problem"];

declare const process: { argv: string[] };

function check(held: unknown, shown?: unknown): asserts held {
    if (!held) throw new Error(`it does not hold: ${JSON.stringify(shown)}`);
}

function same(one: unknown, other: unknown): void {
    check(JSON.stringify(one) === JSON.stringify(other), [one, other]);
}

function open(baseUrl: string, token: string): Client<paths> {
    return createClient<paths>({
        baseUrl,
        headers: { Authorization: `Bearer ${token}` },
        // Lists in a query are one parameter, their values separated by commas.
        querySerializer: { array: { style: "form", explode: false } },
    });
}

async function openOne(client: Client<paths>, name: string): Promise<Account> {
    const asked = {
        params: { header: { "Idempotency-Key": crypto.randomUUID() } },
        body: { name, account_kind: "CHANNEL", employees: 12 },
    } as const;
    const first = await client.POST("/v1/accounts", asked);
    const again = await client.POST("/v1/accounts", asked);
    check(first.data && again.data);
    same(first.data.id, again.data.id);
    same(again.response.headers.get("Idempotency-Replayed"), "true");
    return first.data;
}

async function find(client: Client<paths>, name: string): Promise<void> {
    const query = {
        "account_kind[in]": ["CHANNEL" as const, "PROJECT" as const],
        "name[contains]": name,
        sort: ["-name" as const],
        fields: ["id" as const, "name" as const],
    };
    const { data } = await client.GET("/v1/accounts", { params: { query } });
    check(data);
    same(data.items.map((row) => Object.keys(row).sort()), [["id", "name"]]);
    const wrong = await client.GET("/v1/accounts", { params: { query: { sort: ["name", "name"] } } });
    const problem: Problem | undefined = wrong.error;
    check(problem);
    same(problem.code, "invalid");
    same(problem.errors.map((error) => error.field), ["sort"]);
}

async function change(client: Client<paths>, id: string): Promise<void> {
    const read = await client.GET("/v1/accounts/{id}", { params: { path: { id } } });
    const tag = read.response.headers.get("ETag");
    check(read.data && tag);
    const params = { path: { id }, header: { "If-Match": tag } };
    const changed = await client.PATCH("/v1/accounts/{id}", { params, body: { industry: "Wind" } });
    same([changed.data?.industry, changed.data?.employees], ["Wind", 12]);
    same(changed.data?.version, read.data.version + 1);
    const late = await client.PATCH("/v1/accounts/{id}", { params, body: { industry: null } });
    same([late.error?.status, late.error?.code], [412, "version_conflict"]);
}

async function look(client: Client<paths>, id: string, person: string): Promise<void> {
    const view = await client.GET("/v1/accounts/{id}/view", { params: { path: { id } } });
    same(view.data?.account?.id, id);
    same(view.data?.people?.map((each) => each.id), [person]);
    const asked = { params: { path: { id: person } } };
    let held = await client.GET("/v1/contacts/{id}/personal-data", asked);
    while (held.error?.code === "parts_missing") {
        await new Promise((wake) => setTimeout(wake, 200));
        held = await client.GET("/v1/contacts/{id}/personal-data", asked);
    }
    same([held.data?.contact.id, held.data?.known_to_activities.id, held.data?.stakeholders], [person, person, []]);
    const feed = await client.GET("/v1/changes", { params: { query: {} } });
    check(feed.data?.next);
}

export async function misuse(client: Client<paths>): Promise<void> {
    // @ts-expect-error A name is text.
    await client.POST("/v1/accounts", { body: { name: 1 } });
    // @ts-expect-error There is no such kind.
    await client.POST("/v1/accounts", { body: { name: "x", account_kind: "DOOR" } });
    // @ts-expect-error Nothing is sorted by that.
    await client.GET("/v1/accounts", { params: { query: { sort: ["colour"] } } });
    // @ts-expect-error What is changed was read before.
    await client.PATCH("/v1/accounts/{id}", { params: { path: { id: "x" } }, body: {} });
}

const [baseUrl = "", token = ""] = process.argv.slice(2);
const name = `Client ${crypto.randomUUID()}`;
const client = open(baseUrl, token);
const account = await openOne(client, name);
const person = await client.POST("/v1/contacts", { body: { account_id: account.id, name: "Ada Yun" } });
check(person.data);
await find(client, name);
await change(client, account.id);
await look(client, account.id, person.data.id);
const refused = await open(baseUrl, "none").GET("/v1/accounts/{id}", { params: { path: { id: account.id } } });
same([refused.error?.status, refused.error?.code], [401, "token_malformed"]);
