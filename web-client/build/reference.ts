import { join } from 'node:path';
import ts from 'typescript';
import { compilerOptions } from './declarations.ts';

const ROOT = join(import.meta.dirname, '..');

/** The modules that the package exports, by the names they are imported by. */
const MODULES = [
  ['@quietroom/client', 'src/index.ts'],
  ['@quietroom/client/element', 'src/element/index.ts'],
  ['@quietroom/client/react', 'src/react.ts'],
] as const;

/** What is exported, read from the types and their comments. */
export interface Reference {
  /** As Markdown. */
  readonly text: string;
  /** What has no comment. */
  readonly undocumented: readonly string[];
  /** The errors that the client has beside the server's. */
  readonly clientErrorCodes: readonly string[];
}

export function readReference(): Reference {
  const program = ts.createProgram(
    MODULES.map(([, path]) => join(ROOT, path)),
    compilerOptions(join(ROOT, 'tsconfig.json')),
  );
  const checker = program.getTypeChecker();
  const undocumented: string[] = [];
  let clientErrorCodes: string[] = [];
  const sections = MODULES.map(([name, path]) => {
    const file = program.getSourceFile(join(ROOT, path));
    const module = file && checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error(`${path} exports nothing`);
    const entries = checker.getExportsOfModule(module).map((symbol) => {
      const declaration = declarationsOf(symbol, checker);
      if (symbol.name === 'ClientErrorCode') clientErrorCodes = literals(declaration);
      return new Entry(symbol.name, declaration, undocumented).toString();
    });
    return `## ${name}\n\n${entries.join('\n')}`;
  });
  return { text: `${HEAD}\n${sections.join('\n')}`, undocumented, clientErrorCodes };
}

const HEAD = `# Reference

Everything that the npm package exports, made from its types by \`npm --prefix web-client run docs\`. Times are in milliseconds where nothing else is said. What can go wrong is in [errors.md](errors.md), the element's attributes, slots and colours are in [element.md](element.md).
`;

/** One exported name. */
class Entry {
  readonly #name: string;
  readonly #declarations: readonly ts.Declaration[];
  readonly #undocumented: string[];

  constructor(name: string, declarations: readonly ts.Declaration[], undocumented: string[]) {
    this.#name = name;
    this.#declarations = declarations;
    this.#undocumented = undocumented;
  }

  toString(): string {
    const parts = [`### ${this.#name}`, this.#comment(), this.#shape(), this.#members()];
    return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
  }

  #comment(): string {
    const comment = this.#declarations.map(commentOf).find((text) => text !== '') ?? '';
    if (comment === '') this.#undocumented.push(this.#name);
    return comment;
  }

  /** How it is written, as far as its members do not say it. */
  #shape(): string {
    const [declaration] = this.#declarations;
    if (declaration === undefined) return '';
    if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) {
      const kind = ts.isClassDeclaration(declaration) ? 'class' : 'interface';
      const heritage = (declaration.heritageClauses ?? []).map((clause) => ` ${clause.getText()}`);
      const parameters = declaration.typeParameters?.map((one) => one.getText()).join(', ');
      const generic = parameters === undefined ? '' : `<${parameters}>`;
      return code(`${kind} ${this.#name}${generic}${heritage.join('')}`);
    }
    if (ts.isTypeAliasDeclaration(declaration)) {
      return code(declaration.getText().replace(/^export /, ''));
    }
    if (ts.isFunctionDeclaration(declaration)) return code(`function ${signature(declaration)}`);
    if (ts.isVariableDeclaration(declaration))
      return code(`const ${declaration.getText().split(' =')[0] ?? ''}`);
    throw new Error(`${this.#name} is of a kind that the reference does not know`);
  }

  #members(): string {
    if (MANY_TEXTS.includes(this.#name)) return '';
    const seen = new Set<string>();
    return this.#declarations
      .filter((one) => ts.isClassDeclaration(one) || ts.isInterfaceDeclaration(one))
      .flatMap((one): readonly (ts.ClassElement | ts.TypeElement)[] => [...one.members])
      .filter(isPublic)
      .flatMap((member) => {
        const name = member.name?.getText() ?? 'constructor';
        const comment = commentOf(member);
        if (ts.isConstructorDeclaration(member) && comment === '') return [];
        // A setter has its getter's comment, further overloads the first one's.
        if (seen.has(name)) return [];
        seen.add(name);
        if (comment === '') this.#undocumented.push(`${this.#name}.${name}`);
        return [`- \`${memberText(member)}\` – ${comment}`];
      })
      .join('\n');
  }
}

/** A language has hundreds of texts, which its own file shows best. */
const MANY_TEXTS: readonly string[] = ['Messages'];

function declarationsOf(symbol: ts.Symbol, checker: ts.TypeChecker): readonly ts.Declaration[] {
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  return (isAlias ? checker.getAliasedSymbol(symbol) : symbol).declarations ?? [];
}

function commentOf(node: ts.Node): string {
  return ts
    .getJSDocCommentsAndTags(node)
    .filter((part) => ts.isJSDoc(part))
    .map((part) => ts.getTextOfJSDocComment(part.comment) ?? '')
    .join('\n\n')
    .replace(/\{@link ([\w.]+)\s*\}/g, '`$1`')
    .replace(/\n(?!\n|- )(?<!\n\n)/g, ' ')
    .trim();
}

function isPublic(member: ts.ClassElement | ts.TypeElement): boolean {
  const flags = ts.getCombinedModifierFlags(member);
  const hidden =
    ts.ModifierFlags.Private |
    ts.ModifierFlags.Protected |
    ts.ModifierFlags.Override |
    ts.ModifierFlags.Static;
  const isInternal = ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
  const isPrivateName = member.name !== undefined && ts.isPrivateIdentifier(member.name);
  return (flags & hidden) === 0 && !isInternal && !isPrivateName;
}

function memberText(member: ts.ClassElement | ts.TypeElement): string {
  if (
    ts.isConstructorDeclaration(member) ||
    ts.isMethodDeclaration(member) ||
    ts.isMethodSignature(member)
  ) {
    return signature(member);
  }
  const name = member.name?.getText() ?? '';
  if (ts.isGetAccessor(member)) return `${name}: ${member.type?.getText() ?? 'unknown'}`;
  if (ts.isPropertyDeclaration(member) || ts.isPropertySignature(member)) {
    const optional = member.questionToken === undefined ? '' : '?';
    const type = member.type?.getText() ?? member.getText().split(' = ')[1]?.replace(/;$/, '');
    return tidy(`${name}${optional}: ${type ?? 'unknown'}`);
  }
  return tidy(member.getText());
}

function signature(declaration: ts.SignatureDeclaration): string {
  const name = ts.isConstructorDeclaration(declaration)
    ? 'constructor'
    : (declaration.name?.getText() ?? '');
  const generic = declaration.typeParameters?.map((one) => one.getText()).join(', ');
  const parameters = declaration.parameters
    .filter(({ type }) => !FOR_TESTS.includes(type?.getText() ?? ''))
    .map((parameter) => {
      const isOptional =
        parameter.questionToken !== undefined || parameter.initializer !== undefined;
      return `${parameter.name.getText()}${isOptional ? '?' : ''}: ${parameter.type?.getText() ?? ''}`;
    });
  const result = declaration.type === undefined ? '' : `: ${declaration.type.getText()}`;
  const types = generic === undefined ? '' : `<${generic}>`;
  return tidy(`${name}${types}(${parameters.join(', ')})${result}`);
}

/** What tests give to stand in for the browser. */
const FOR_TESTS: readonly string[] = ['Environment', 'typeof fetch'];

function literals(declarations: readonly ts.Declaration[]): string[] {
  return declarations.flatMap((one) =>
    [...one.getText().matchAll(/'([a-z-]+)'/g)].map(([, text = '']) => text),
  );
}

function tidy(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function code(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``;
}
