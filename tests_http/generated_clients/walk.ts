/*
 * What a customer and the staff do, with fetch and the types that openapi-typescript makes of docs/openapi.yaml.
 *
 * Compiled and run by test_generated_clients.py, which makes schema.ts first, against a shop that has just loaded its
 * demo data. That it compiles is half of the test.
 */
import assert from "node:assert/strict";

import type { components, operations, paths } from "./schema.js";

type Schemas = components["schemas"];
type Method = "get" | "put" | "post" | "delete" | "patch";
type Operation<P extends keyof paths, M extends Method> = paths[P][M];

/** The body that an operation takes. */
type Sent<O> = O extends { requestBody?: { content: { "application/json": infer Body } } } ? Body : undefined;

/** What an operation answers: one member for each status, so that a comparison of the status tells the body's type. */
type Answer<O> = O extends { responses: infer Responses }
    ? {
          [Status in keyof Responses & number]: {
              status: Status;
              headers: Headers;
              body: Responses[Status] extends { content: Record<string, infer Body> } ? Body : undefined;
          };
      }[keyof Responses & number]
    : never;

interface Details<O> {
    path?: Record<string, string | number>;
    query?: O extends { parameters: { query?: infer Query } } ? Query : never;
    headers?: Record<string, string>;
    body?: Sent<O>;
}

class Shop {
    constructor(
        private readonly url: string,
        private readonly token?: string,
    ) {}

    async call<P extends keyof paths, M extends Method>(
        method: M,
        path: P,
        details: Details<Operation<P, M>> = {},
    ): Promise<Answer<Operation<P, M>>> {
        const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => String(details.path?.[name]));
        const address = new URL(filled, this.url);
        for (const [name, value] of Object.entries(details.query ?? {})) {
            address.searchParams.set(name, String(value));
        }
        const headers = new Headers(details.headers);
        if (this.token) {
            headers.set("Authorization", `Bearer ${this.token}`);
        }
        const request: RequestInit = { method: method.toUpperCase(), headers };
        if (details.body !== undefined) {
            headers.set("Content-Type", "application/json");
            request.body = JSON.stringify(details.body);
        }
        const response = await fetch(address, request);
        const text = await response.text();
        const body: unknown = text ? JSON.parse(text) : undefined;
        return { status: response.status, headers: response.headers, body } as Answer<Operation<P, M>>;
    }
}

/** Return the body of an answer, typed by its status. Fails if the answer has another one. */
function bodyOf<A extends { status: number; body: unknown }, S extends A["status"]>(
    answer: A,
    status: S,
): Extract<A, { status: S }>["body"] {
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    return answer.body;
}

async function logIn(url: string, username: string, password: string): Promise<Shop> {
    const body: Schemas["Credentials"] = { username, password, name: "walk.ts" };
    const { token } = bodyOf(await new Shop(url).call("post", "/api-token-auth", { body }), 200);
    return new Shop(url, token);
}

/** Follow the cursor to the last page; return the id of each product by its SKU. */
async function readEveryProduct(shop: Shop): Promise<(sku: string) => number> {
    const ids = new Map<string, number>();
    const sizes: number[] = [];
    let cursor: string | null | undefined;
    do {
        const query: operations["products_list"]["parameters"]["query"] = cursor ? { limit: 10, cursor } : { limit: 10 };
        const page = bodyOf(await shop.call("get", "/api/products", { query }), 200);
        page.results.forEach((product) => ids.set(product.sku, product.id));
        sizes.push(page.results.length);
        cursor = page.next_cursor;
    } while (cursor !== null);
    assert.deepEqual(sizes, [10, 10, 9]);
    return (sku) => {
        const id = ids.get(sku);
        assert.ok(id !== undefined, sku);
        return id;
    };
}

async function orderAndCancel(shop: Shop, idOf: (sku: string) => number): Promise<void> {
    const body: Schemas["OrderRequest"] = { product: idOf("MUG-STONE"), quantity: 2 };
    const quote = bodyOf(await shop.call("post", "/api/orders/quote", { body }), 200);
    assert.deepEqual([quote.acceptable, quote.total], [true, "25.00"]);

    const headers = { "Idempotency-Key": "walk-1" };
    const order = bodyOf(await shop.call("post", "/api/orders", { body, headers }), 201);
    assert.deepEqual([order.status, order.lines[0]?.sku], ["PLACED" satisfies Schemas["OrderStatus"], "MUG-STONE"]);

    const again = await shop.call("post", "/api/orders", { body, headers });
    assert.deepEqual(bodyOf(again, 201), order);
    assert.equal(again.headers.get("Idempotency-Replayed"), "true");
    const other = await shop.call("post", "/api/orders", { body: { sku: "BOWL-OAT", quantity: 1 }, headers });
    assert.equal(bodyOf(other, 422).code, "idempotency_key_reused");

    const path = { id: order.id };
    assert.equal(bodyOf(await shop.call("post", "/api/orders/{id}/cancel", { path }), 200).status, "CANCELLED");
    const refused = bodyOf(await shop.call("post", "/api/orders/{id}/cancel", { path }), 409);
    const allowed: Schemas["OrderStatus"][] | undefined = refused.allowed;
    assert.deepEqual(allowed, []);
    assert.deepEqual([refused.errors[0]?.from, refused.errors[0]?.to], ["CANCELLED", "CANCELLED"]);
    const history = bodyOf(await shop.call("get", "/api/orders/{id}/events", { path }), 200);
    assert.deepEqual(
        history.results.map((event) => [event.facts.from, event.facts.to]),
        [
            [null, "PLACED"],
            ["PLACED", "CANCELLED"],
        ],
    );
}

/** Order more clocks than there are, and then what the shop says that it would accept. */
async function orderWhatIsAcceptable(shop: Shop, idOf: (sku: string) => number): Promise<Schemas["Order"]> {
    const lines = [
        { sku: "CLOCK-WALL", quantity: 5 },
        { product: idOf("MUG-STONE"), quantity: 1 },
    ];
    const refused = bodyOf(await shop.call("post", "/api/orders", { body: { lines } }), 409);
    assert.deepEqual([refused.code, refused.errors[0]?.available], ["insufficient_stock", 3]);
    const acceptable: Schemas["LinesRequest"] | null | undefined = refused.acceptable;
    assert.ok(acceptable);

    const order = bodyOf(await shop.call("post", "/api/orders", { body: acceptable }), 201);
    assert.deepEqual(
        order.lines.map((line) => [line.sku, line.quantity]),
        [
            ["CLOCK-WALL", 3],
            ["MUG-STONE", 1],
        ],
    );
    return order;
}

async function fillAndEmptyTheCart(shop: Shop, idOf: (sku: string) => number): Promise<void> {
    const path = { product: idOf("BOWL-OAT") };
    const filled = bodyOf(await shop.call("put", "/api/cart/lines/{product}", { path, body: { quantity: 3 } }), 200);
    assert.equal(filled.total, "42.00");
    assert.equal(bodyOf(await shop.call("delete", "/api/cart"), 204), undefined);
    assert.deepEqual(bodyOf(await shop.call("get", "/api/cart"), 200).lines, []);
}

async function adjustTheStock(shop: Shop, idOf: (sku: string) => number): Promise<void> {
    const path = { id: idOf("PAN-IRON-26") };
    const changes: Schemas["StockRequest"][] = [{ delta: 5, reason: "RECEIVED" }, { delta: -1, note: "cracked" }];
    const stocks: number[] = [];
    for (const body of changes) {
        stocks.push(bodyOf(await shop.call("post", "/api/products/{id}/stock", { path, body }), 201).stock);
    }
    assert.deepEqual(stocks, [20, 19]);
    const counted = await shop.call("post", "/api/products/{id}/stock", { path, body: { set: 19, expected: 19 } });
    assert.equal(bodyOf(counted, 200).movement, null);

    const rows: Schemas["StockRow"][] = [
        { sku: "TROWEL", delta: -1 },
        { product: path.id, set: 7, expected: 8 },
    ];
    const { results } = bodyOf(await shop.call("post", "/api/stock", { body: { rows } }), 200);
    assert.deepEqual(
        results.map((row) => [row.status, row.result?.stock, row.problem?.code]),
        [
            [201, 64, undefined],
            [412, undefined, "stock_has_moved"],
        ],
    );
}

/** Nest a category, put a product in it that is found in its branch, and take both away again. */
async function arrangeTheCatalog(shop: Shop): Promise<void> {
    const teapots: Schemas["NewCategory"] = { slug: "teapots", name: "Teapots", parent: "kitchen" };
    const added = await shop.call("post", "/api/categories", { body: teapots });
    const category = bodyOf(added, 201);
    assert.deepEqual([category.parent, category.depth], ["kitchen", 2]);
    const pot: Schemas["NewProduct"] = {
        sku: "Tea/pot 1,2 l",
        name: "Teapot",
        price: "29.00",
        category: "teapots",
        barcode: "4006381333931",
        weight: 900,
        tags: ["new"],
        images: ["https://img.shop.example/teapot.jpg"],
    };
    const made = await shop.call("post", "/api/products", { body: pot });
    const product = bodyOf(made, 201);
    assert.deepEqual([product.tags, product.images, product.weight], [pot.tags, pot.images, 900]);
    const query = { category: "kitchen", sku: "TEA/POT 1,2 L", tag: "new" };
    const found = bodyOf(await shop.call("get", "/api/products", { query }), 200);
    assert.deepEqual(
        found.results.map((each) => each.id),
        [product.id],
    );

    const path = { id: category.id };
    assert.equal(bodyOf(await shop.call("delete", "/api/categories/{id}", { path }), 409).code, "category_in_use");
    const emptied = await shop.call("patch", "/api/products/{id}", {
        path: { id: product.id },
        headers: { "If-Match": String(made.headers.get("ETag")) },
        body: { category: null, retired: true },
    });
    assert.equal(bodyOf(emptied, 200).category, null);
    const renamed = await shop.call("patch", "/api/categories/{id}", {
        path,
        headers: { "If-Match": String(added.headers.get("ETag")) },
        body: { name: "Pots", parent: null },
    });
    assert.deepEqual([bodyOf(renamed, 200).name, bodyOf(renamed, 200).depth], ["Pots", 1]);
    bodyOf(await shop.call("delete", "/api/categories/{id}", { path }), 204);
}

async function payAndShip(shop: Shop, order: Schemas["Order"]): Promise<void> {
    const path = { id: order.id };
    bodyOf(await shop.call("post", "/api/orders/{id}/pay", { path, body: { reference: "INV-7" } }), 200);
    const one = [{ sku: "CLOCK-WALL", quantity: 1 }];
    const first = { lines: one, carrier: "DHL", tracking_number: "00340" };
    const part = bodyOf(await shop.call("post", "/api/orders/{id}/ship", { path, body: first }), 200);
    assert.deepEqual([part.status, part.lines[0]?.shipped], ["PAID", 1]);
    const tooMany = { lines: [{ line: order.lines[0]?.id ?? "", quantity: 3 }] };
    const refused = bodyOf(await shop.call("post", "/api/orders/{id}/ship", { path, body: tooMany }), 409);
    assert.deepEqual([refused.code, refused.errors[0]?.available], ["more_than_remains", 2]);
    const fewer = { lines: one, reason: "The glass is broken" };
    const cancelled = bodyOf(await shop.call("post", "/api/orders/{id}/cancel", { path, body: fewer }), 200);
    assert.deepEqual([cancelled.status, cancelled.lines[0]?.cancelled], ["PAID", 1]);
    const body = { carrier: "DHL", tracking_number: "00340434161094015902" };
    const shipped = bodyOf(await shop.call("post", "/api/orders/{id}/ship", { path, body }), 200);
    assert.deepEqual([shipped.status, shipped.tracking_number], ["SHIPPED", body.tracking_number]);
}

async function correctReturnAndRefund(shop: Shop, order: Schemas["Order"]): Promise<void> {
    const path = { id: order.id };
    const corrected = await shop.call("patch", "/api/orders/{id}/shipments/{number}", {
        path: { ...path, number: 1 },
        body: { tracking_number: "00341" },
    });
    assert.equal(bodyOf(corrected, 200).tracking_number, "00341");
    const shipments = bodyOf(await shop.call("get", "/api/orders/{id}/shipments", { path }), 200);
    assert.deepEqual(shipments.results.map((each) => each.lines.length), [1, 2]);
    const back = { lines: [{ sku: "CLOCK-WALL", quantity: 1, restock: 0 }] };
    const returned = bodyOf(await shop.call("post", "/api/orders/{id}/return", { path, body: back }), 200);
    assert.deepEqual([returned.lines[0]?.returned, returned.lines[0]?.restocked], [1, 1]);
    const returns = bodyOf(await shop.call("get", "/api/orders/{id}/returns", { path }), 200);
    assert.equal(returns.results[0]?.lines[0]?.restocked, 0);
    const cancellations = bodyOf(await shop.call("get", "/api/orders/{id}/cancellations", { path }), 200);
    assert.equal(cancellations.results[0]?.reason, "The glass is broken");
    const lines = { lines: [{ sku: "MUG-STONE", quantity: 1 }] };
    const refund = bodyOf(await shop.call("post", "/api/orders/{id}/refunds", { path, body: lines }), 201);
    assert.deepEqual([refund.number, refund.amount], [1, "12.50"]);
    const amount = { amount: "0.50", reference: "R-2" };
    assert.equal(bodyOf(await shop.call("post", "/api/orders/{id}/refunds", { path, body: amount }), 201).number, 2);
    const refunds = bodyOf(await shop.call("get", "/api/orders/{id}/refunds", { path }), 200);
    assert.deepEqual(refunds.results.map((each) => each.amount), ["12.50", "0.50"]);
}

async function orderAtPricesOfItsOwn(shop: Shop, idOf: (sku: string) => number): Promise<void> {
    const product = idOf("MUG-STONE");
    const terms: Schemas["OrderRequest"] = {
        lines: [{ product, quantity: 2, unit_price: "9.9950", discount: "1.00" }],
        discount: "0.99",
        shipping: "4.90",
    };
    const order = bodyOf(await shop.call("post", "/api/orders", { body: terms }), 201);
    assert.deepEqual([order.discount, order.shipping, order.total, order.taxes], ["0.99", "4.90", "22.90", []]);
    assert.deepEqual(
        order.lines.map((line) => [line.unit_price, line.discount_share, line.amount, line.tax_rate]),
        [["9.995", "0.99", "18.00", null]],
    );
    const query = { changed_since: order.updated_at };
    const changed = bodyOf(await shop.call("get", "/api/orders", { query }), 200);
    assert.ok(changed.results.some((each) => each.id === order.id));

    const history = await shop.call("get", "/api/products/{id}/prices", { path: { id: product }, query: { days: 7 } });
    assert.equal(bodyOf(history, 200).lowest, "12.50");
}

/** Add a webhook, test it, rotate its secret, switch it off, and take it away again. */
async function postToAnotherSystem(shop: Shop): Promise<void> {
    const body: Schemas["NewWebhook"] = { address: "https://erp.shop.example/hooks", types: ["order.placed"] };
    const made = bodyOf(await shop.call("post", "/api/webhooks", { body }), 201);
    assert.match(made.secret, /^whsec_/);
    const path = { id: made.id };
    const listed = bodyOf(await shop.call("get", "/api/webhooks"), 200).results;
    assert.deepEqual(
        listed.map((each) => [each.id, each.types, each.is_active]),
        [[made.id, ["order.placed"], true]],
    );
    const tested = bodyOf(await shop.call("post", "/api/webhooks/{id}/test", { path }), 200);
    assert.deepEqual([tested.ok, tested.code, tested.error], [false, null, "erp.shop.example does not resolve."]);
    const rotated = bodyOf(await shop.call("post", "/api/webhooks/{id}/rotate", { path }), 200);
    assert.notEqual(rotated.secret, made.secret);
    const again = await shop.call("post", "/api/webhooks/{id}/redeliver", { path, body: { after: 0 } });
    assert.equal(bodyOf(again, 200).position, 0);
    const deliveries = await shop.call("get", "/api/webhooks/{id}/deliveries", { path });
    assert.deepEqual(bodyOf(deliveries, 200).results, []);
    const off = await shop.call("patch", "/api/webhooks/{id}", { path, body: { is_active: false } });
    assert.equal(bodyOf(off, 200).off_reason, "Switched off by staff.");
    bodyOf(await shop.call("delete", "/api/webhooks/{id}", { path }), 204);
}

async function logOut(shop: Shop): Promise<void> {
    bodyOf(await shop.call("delete", "/api-token-auth"), 204);
    assert.equal(bodyOf(await shop.call("get", "/api/products"), 401).code, "invalid_token");
}

/** Bodies that the types have to refuse. Unused directives are errors, so each has to be refused. */
// @ts-expect-error: it names no product
export const noProduct: Schemas["OrderRequest"] = { quantity: 1 };
// @ts-expect-error: it has no quantity
export const noQuantity: Schemas["OrderRequest"] = { lines: [{ sku: "MUG-STONE" }] };
// @ts-expect-error: it is neither a count nor a movement
export const neither: Schemas["StockRequest"] = { note: "broken" };
// @ts-expect-error: no order is a cart
export const cart: Schemas["Order"]["status"] = "CART";

const url = process.argv[2];
assert.ok(url, "node walk.js http://127.0.0.1:8000");
const [alice, staff] = [
    await logIn(url, "alice", "alice-likes-mugs"),
    await logIn(url, "staff", "staff-runs-the-shop"),
];
const idOf = await readEveryProduct(alice);
await orderAndCancel(alice, idOf);
const order = await orderWhatIsAcceptable(alice, idOf);
await fillAndEmptyTheCart(alice, idOf);
await adjustTheStock(staff, idOf);
await arrangeTheCatalog(staff);
await orderAtPricesOfItsOwn(staff, idOf);
await payAndShip(staff, order);
await correctReturnAndRefund(staff, order);
await postToAnotherSystem(staff);
await logOut(alice);
