import type { Texts } from "../texts.ts";
import type { View } from "../view.ts";

/**
 * The wallet's markup, empty: the script fills it by calls with the token, which the server never
 * sees in a page's address. Templates are what the script clones, so that no markup is in it.
 */
export function WalletBody({ view }: { view: View }) {
  const { texts } = view;
  return (
    <div id="wallet" data-texts={JSON.stringify(scriptTexts(texts))}>
      <h1>{texts.wallet}</h1>
      <noscript>
        <p class="notice">{texts.walletNoScript}</p>
      </noscript>
      <section class="card prose" id="wallet-closed" aria-labelledby="closed-title" hidden>
        <h2 id="closed-title">{texts.walletLocked}</h2>
        <p id="wallet-why" class="notice" role="status" hidden></p>
        <p>{texts.walletLockedHelp}</p>
        <p class="command">
          <code>moim open</code>
        </p>
      </section>
      <div id="wallet-open" hidden>
        <p class="lead">
          {texts.walletLead}{" "}
          <button type="button" class="plain" id="wallet-close">{texts.walletClose}</button>
        </p>
        <Mnemonic view={view} />
        <Keys view={view} />
        <div class="sides">
          <SendForm view={view} />
          <MintForm view={view} />
        </div>
        <Activity view={view} />
      </div>
    </div>
  );
}

/** Texts with values: `{0}`, `{1}` stand where the script puts them. */
function scriptTexts(texts: Texts) {
  return {
    announced: texts.sent_announced("{0}", "{1}"),
    queued: texts.sent_queued("{0}", "{1}"),
    minted: texts.sent_minted("{0}", "{1}"),
    sending: texts.sending,
    minting: texts.minting,
    mintDone: texts.mintDone("{0}", "{1}"),
    keyMade: texts.keyMade("{0}"),
    badAmount: texts.badAmount,
    noAnswer: texts.noAnswer,
    tokenOld: texts.tokenOld,
    pending: texts.pending,
    provisional: texts.provisional,
    settled: texts.settled,
    kind_minted: texts.kind_minted,
    kind_received: texts.kind_received,
    kind_sent: texts.kind_sent,
    kind_self: texts.kind_self,
  };
}

function Mnemonic({ view: { texts } }: { view: View }) {
  return (
    <section class="card secret" id="mnemonic" aria-labelledby="mnemonic-title" hidden>
      <h2 id="mnemonic-title" tabindex={-1}>{texts.mnemonicTitle}</h2>
      <p>{texts.mnemonicHelp}</p>
      <ol id="mnemonic-words"></ol>
      <button type="button" id="mnemonic-done">{texts.mnemonicDone}</button>
    </section>
  );
}

function Keys({ view: { texts } }: { view: View }) {
  return (
    <section aria-labelledby="keys-title">
      <h2 id="keys-title">{texts.keys}</h2>
      <p class="empty" id="keys-none" hidden>{texts.keysNone}</p>
      <ul class="keys" id="keys"></ul>
      <template id="key-template">
        <li class="card key">
          <p class="name">
            <bdi data-name></bdi>
          </p>
          <p class="total">
            <span data-total class="amount"></span> <small>{texts.coins}</small>
          </p>
          <dl class="mini">
            <div>
              <dt>{texts.spendable}</dt>
              <dd class="amount" data-confirmed></dd>
            </div>
            <div>
              <dt>{texts.maturing}</dt>
              <dd class="amount" data-maturing></dd>
            </div>
            <div>
              <dt>{texts.arriving}</dt>
              <dd class="amount" data-pending-in></dd>
            </div>
            <div>
              <dt>{texts.leaving}</dt>
              <dd class="amount" data-pending-out></dd>
            </div>
          </dl>
          <details>
            <summary>{texts.receive}</summary>
            <p>{texts.receiveHelp}</p>
            <p class="qr" data-qr={texts.qrOfAddress}></p>
            <p class="whole">
              <a data-link>
                <code data-address></code>
              </a>
              <button type="button" class="copy" data-copy="" data-copied={texts.copied}>
                {texts.copy}
              </button>
            </p>
          </details>
        </li>
      </template>
      <form class="row" id="new-key" autocomplete="off">
        <p>
          <label for="alias">{texts.keyName}</label>
          <input
            type="text"
            id="alias"
            name="alias"
            maxlength={64}
            aria-describedby="alias-hint"
            autocapitalize="off"
            spellcheck={false}
          />
          <small id="alias-hint">{texts.keyNameHint}</small>
        </p>
        <button type="submit">{texts.keyNew}</button>
        <p class="result" id="new-key-result" role="status"></p>
      </form>
    </section>
  );
}

function SendForm({ view: { texts } }: { view: View }) {
  return (
    <section class="card" aria-labelledby="send-title">
      <h2 id="send-title">{texts.send}</h2>
      <form id="send" autocomplete="off">
        <p>
          <label for="send-from">{texts.from}</label>
          <select id="send-from" name="from" class="key-choice" required></select>
        </p>
        <p>
          <label for="send-to">{texts.to}</label>
          <input
            type="text"
            id="send-to"
            name="to"
            maxlength={128}
            required
            autocapitalize="off"
            spellcheck={false}
          />
        </p>
        <div class="pair">
          <p>
            <label for="send-amount">{texts.amountCoins}</label>
            <input type="text" id="send-amount" name="amount" inputmode="decimal" required />
          </p>
          <p>
            <label for="send-fee">{texts.feeCoins}</label>
            <input
              type="text"
              id="send-fee"
              name="fee"
              inputmode="decimal"
              aria-describedby="fee-hint"
            />
            <small id="fee-hint">{texts.feeHint}</small>
          </p>
        </div>
        <p>
          <label for="send-memo">{texts.memoOptional}</label>
          <input
            type="text"
            id="send-memo"
            name="memo"
            maxlength={256}
            aria-describedby="memo-hint"
          />
          <small id="memo-hint">{texts.memoHint}</small>
        </p>
        <button type="submit">{texts.sendButton}</button>
        <p class="result" id="send-result" role="status"></p>
      </form>
    </section>
  );
}

function MintForm({ view: { texts } }: { view: View }) {
  return (
    <section class="card" aria-labelledby="mint-title">
      <h2 id="mint-title">{texts.mintOne}</h2>
      <p>{texts.mintHelp}</p>
      <form id="mint" autocomplete="off">
        <p>
          <label for="mint-to">{texts.mintTo}</label>
          <select id="mint-to" name="to" class="key-choice" required></select>
        </p>
        <button type="submit">{texts.mintButton}</button>
        <p class="result" id="mint-result" role="status"></p>
      </form>
    </section>
  );
}

function Activity({ view: { texts } }: { view: View }) {
  return (
    <section aria-labelledby="activity-title">
      <h2 id="activity-title">{texts.activity}</h2>
      <p class="empty" id="activity-none">{texts.historyNone}</p>
      <ul class="activity" id="activity"></ul>
      <template id="activity-template">
        <li class="line">
          <span data-state class="badge"></span>
          <a data-kind></a>
          <bdi data-name class="pale"></bdi>
          <span data-when class="pale"></span>
          <span data-amount class="amount end"></span>
        </li>
      </template>
    </section>
  );
}
